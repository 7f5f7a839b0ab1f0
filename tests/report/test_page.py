"""The report: complete in itself, safe to open whatever a file was called, and made again alike."""

import copy
import json
import re
from functools import cache
from html.parser import HTMLParser

import pytest

from nqs.report import figures, page, sections
from nqs.report.drawing import Drawing
from tests.report import made_up

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\x00.h5"
VOID = {"meta", "br", "hr", "img", "link", "input", "wbr"}
SECTIONS = ("likelihood", "identifiability", "baseline", "fidelity", "training", "ansatz", "data")


class Reader(HTMLParser):
    """Tags that are left open, what points elsewhere, and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.text = [], set(), [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "data") or name.startswith("on"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


@cache
def drawings():
    error = made_up.summary()["likelihood"]["held_out_nll"]["error"]
    return [
        figures.learning_curve(made_up.search_rows(), 1180, made_up.refit_rows(), error=error),
        figures.chi2_per_setting(made_up.chi2_table()),
        figures.histograms(made_up.histogram_table()),
        figures.amplitudes(made_up.amplitude_table()),
        figures.correlations(made_up.correlations_table()),
        figures.magnetisation(made_up.magnetisation_table()),
        figures.entropies(made_up.entropies_table()),
    ]


def assert_complete_in_itself(text):
    """Balanced tags, no script, and nothing fetched from elsewhere."""
    reader = Reader(text)
    assert not reader.open
    assert not reader.tags & {"script", "link", "iframe", "object", "embed", "foreignobject"}
    own = ("#", "data:image/png;base64,")  # matrices are pictures in the picture
    assert all(link.startswith(own) for link in reader.links)
    assert all(link.startswith("#") for link in re.findall(r"url\(([^)]*)\)", text))
    assert "@import" not in text
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert len(ids) == len(set(ids)), "two figures share a name"
    assert len(text.encode()) < 3_000_000
    return reader


def nulled(value):
    """The same summary with every fact unknown."""
    if isinstance(value, dict):
        return {key: nulled(item) for key, item in value.items()}
    return None


def test_page_is_complete_in_itself(tmp_path):
    text = page.write(tmp_path, made_up.summary(), drawings(), title="GHZ-4").read_text()
    reader = assert_complete_in_itself(text)
    assert text.count("<svg") == len(drawings())
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(
        f"{drawing.name}.{kind}" for drawing in drawings() for kind in ("svg", "csv")
    )
    assert reader.text.index("Warning") < reader.text.index("Fidelity") < text.index("<svg")
    for words in (
        "GHZ-4",
        "The shots of setting XXYY fit badly (p = 2e-6): a drift or a wrong label there?",
        "2.2201(71)",
        "0.9874(31), interval 0.9802 to 0.9927",
        "30 of 30",
        "8,100 shots in 81 settings, seed 7.",
        "9f86d081884c…",
        f"nqs tomography --config {tmp_path.name}/config.toml",
    ):
        assert words in reader.text


@pytest.mark.parametrize(
    ("verdict", "word"), [("ok", "OK"), ("warning", "Warning"), ("failed", "Failed"), (None, "No")]
)
def test_verdict_comes_first(verdict, word):
    text = Reader(page.rendered({**made_up.summary(), "verdict": verdict}, [])).text
    assert text.index(word) < text.index("Fidelity")


def test_hostile_names_are_only_text(tmp_path):
    """Markup in a name is shown, control and direction characters are gone."""
    summary = made_up.summary()
    summary["data"]["file"] = [f"lab/{HOSTILE}"]
    summary["warnings"] = [HOSTILE]
    summary["fidelity"]["target"] = summary["baseline"]["method"] = HOSTILE
    summary["ansatz"]["name"] = summary["seed"] = summary["stopped"] = HOSTILE
    summary["versions"] = {HOSTILE: HOSTILE}
    summary["chosen"] = [{"key": HOSTILE, "value": [HOSTILE], "why": HOSTILE}]
    table = [{**row, "setting": HOSTILE + row["setting"]} for row in made_up.chi2_table(5)]
    counts = [{**row, "setting": "$\\frac" + HOSTILE} for row in made_up.histogram_table(1)]
    drawn = [figures.chi2_per_setting(table), figures.histograms(counts)]
    written = page.write(tmp_path, summary, drawn, title=HOSTILE)
    reader = assert_complete_in_itself(written.read_text())
    assert "<script>alert(1)</script>" in reader.text
    for path in (written, *(tmp_path / "figures").iterdir()):
        text = path.read_text()
        assert all(c.isprintable() or c == "\n" for c in text), path.name
        assert path.suffix == ".csv" or "<script" not in text


def test_what_is_null_is_said_in_words():
    unknown = nulled(made_up.summary())
    text = assert_complete_in_itself(page.rendered(unknown, [])).text
    assert "not computed" in text
    bare = assert_complete_in_itself(page.rendered(dict.fromkeys(unknown), [])).text
    nothing = assert_complete_in_itself(page.rendered({}, [])).text
    for shown in (text, bare, nothing):
        assert not re.search(r"\b(None|null|nan|True|False)\b", shown)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_missing_section_is_left_out(section):
    summary = made_up.summary()
    del summary[section]
    assert_complete_in_itself(page.rendered(summary, []))


def test_rebuilding_gives_the_same_page(tmp_path):
    """From summary.json and the CSVs; from metrics.jsonl where the curve has none."""
    (tmp_path / "summary.json").write_text(json.dumps(made_up.summary()))
    before = page.write(tmp_path, made_up.summary(), drawings()[::-1]).read_bytes()
    figure = (tmp_path / "figures" / "learning_curve.svg").read_bytes()
    for path in (tmp_path / "figures").glob("*.svg"):
        path.unlink()
    assert page.rebuild(tmp_path).read_bytes() == before
    assert (tmp_path / "figures" / "learning_curve.svg").read_bytes() == figure

    (tmp_path / "figures" / "learning_curve.csv").unlink()
    log = [*made_up.search_rows(), *made_up.refit_rows()]
    lines = "".join(json.dumps(row) + "\n" for row in log)
    (tmp_path / "metrics.jsonl").write_text(f'{lines}{{"phase": "refit", "st')
    assert page.rebuild(tmp_path).read_bytes() == before


def test_a_broken_folder_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "summary.json").write_text("[1, 2")
    with pytest.raises(ValueError, match=r"summary\.json cannot be read"):
        page.rebuild(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "amplitudes.csv").write_text("bits,probability\n0,many\n")
    with pytest.raises(ValueError, match=r"amplitudes\.csv is not the table of a figure"):
        page.rebuild(tmp_path)


def test_a_thousand_settings_fit(tmp_path):
    drawn = [
        figures.learning_curve(made_up.search_rows(8, 20_000), 900),
        figures.chi2_per_setting(made_up.chi2_table(1000)),
        figures.histograms(made_up.histogram_table(20)),
        figures.amplitudes(made_up.amplitude_table(8)),
    ]
    text = page.write(tmp_path, made_up.summary(), drawn).read_text()
    assert_complete_in_itself(text)
    assert text.count("<svg") == len(drawn)


def test_a_figure_without_room_stays_a_file():
    large = Drawing("large", "Many dots.", f"<svg>{' ' * 2_900_000}</svg>", "x\n1\n")
    text = page.rendered(made_up.summary(), [large])
    assert "figures/large.svg" in text
    assert_complete_in_itself(text)


def test_summary_is_left_as_it_was():
    summary = made_up.summary()
    before = copy.deepcopy(summary)
    page.rendered(summary, [])
    assert summary == before


@pytest.mark.parametrize(("job", "told"), [("tomography", True), ("ground-state", False)])
def test_a_number_of_a_fit_without_a_statistical_error_says_how_to_have_one(job, told):
    row = {"name": "Z0", "state": {"value": 0.5, "error": None}, "statistical": None}
    (shown,) = sections.observables({"job": job, "observables": [row]})
    assert shown.value == "0.5 (exact)"
    assert ("--bootstrap 100" in shown.note) is told
