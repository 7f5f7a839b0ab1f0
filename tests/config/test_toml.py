"""A config says what it means, once, and is refused in one sentence otherwise."""

import tomllib

import pytest
from pydantic import BaseModel

from nqs.config import toml
from nqs.config.toml import ConfigError
from nqs.config.tomography import Tomography

WRONG = {
    "seeed = 1": ("seeed", "'seed'"),
    "sed = 1": ("sed", "'seed'"),
    "buget = '8m'": ("buget", "'budget'"),
    "[dat]\nfile = 'x'": ("dat", "'data'"),
    "[trainng]\nsteps = 100": ("trainng", "'training'"),
    "[data]\nfiles = 'x'": ("data.files", "'file'"),
    "[data]\nheldout = 0.1": ("data.heldout", "'held_out'"),
    "[data]\nshots_per_settings = 3": ("data.shots_per_settings", "'shots_per_setting'"),
    "[ansatz]\nhiden = 8": ("ansatz.hiden", "'hidden'"),
    "[training]\nstep = 100": ("training.step", "'steps'"),
    "[training]\nrates = 0.1": ("training.rates", "'rate'"),
    "[baseline]\nmetod = 'none'": ("baseline.metod", "'method'"),
    "[ansatz]\nzzz = 8": ("ansatz.zzz", "expected one of name, hidden, phase"),
    "[hamiltonian]\nname = 'ising'": ("hamiltonian", "expected one of"),
    "job = 'ground-state'": ("job", "'tomography'"),
    "seed = -1": ("seed = -1", "greater than or equal to 0"),
    "seed = 1.5": ("seed = 1.5", "integer"),
    "seed = 'one'": ("seed = 'one'", "integer"),
    "seed = 4294967296": ("seed = 4294967296", "2147483647"),
    "budget = '8 minutes'": ("budget = '8 minutes'", "8m"),
    "budget = 0": ("budget = 0", "more than 0"),
    "time_limit = -3": ("time_limit = -3", "more than 0"),
    "training = 5": ("training = 5", "dictionary"),
    "target = 5": ("target = 5", "list"),
    "[data]\nheld_out = 0.9": ("data.held_out = 0.9", "less than or equal to 0.5"),
    "[data]\nheld_out = nan": ("data.held_out = nan", "finite"),
    "[data]\nshots_per_setting = 0": ("data.shots_per_setting = 0", "1"),
    "[ansatz]\nhidden = 100000": ("ansatz.hidden = 100000", "4096"),
    "[training]\nsteps = 5": ("training.steps = 5", "greater than or equal to 10"),
    "[training]\nrate = 0": ("training.rate = 0", "greater than 0"),
    "[training]\nrestarts = 0": ("training.restarts = 0", "1"),
    "[baseline]\nmethod = 'linear'": ("baseline.method = 'linear'", "'maximum-likelihood'"),
}


def shown(tables):
    with pytest.raises(ConfigError) as caught:
        toml.checked(Tomography, tables, "c.toml")
    return str(caught.value)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_with_its_remedy(text):
    key, remedy = WRONG[text]
    message = shown(tomllib.loads(text))
    assert message.startswith("c.toml: ")
    assert key in message
    assert remedy in message
    assert "\n" not in message


def test_every_misspelt_key_finds_its_way_back():
    """One letter dropped from the middle of any key of any table."""
    tables = {"": Tomography} | {
        name: type(field.default)
        for name, field in Tomography.model_fields.items()
        if isinstance(field.default, BaseModel)
    }
    for table, model in tables.items():
        for key in model.model_fields:
            wrong = key[: len(key) // 2] + key[len(key) // 2 + 1 :]
            given = {table: {wrong: 1}} if table else {wrong: 1}
            assert f"did you mean {key!r}" in shown(given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"seed = ", "not valid TOML"),
        (b"seed = 1\nseed = 2", "not valid TOML"),
        (b"\xff\xfe", "cannot be read"),
        (b"a = " + b"[" * 20_000 + b"]" * 20_000, "not valid TOML"),
        (b"seed = " + b"1" * 5_000, "not valid TOML"),
    ],
    ids=["no-value", "twice", "bytes", "nested", "digits"],
)
def test_a_file_that_is_no_toml_is_named(tmp_path, text, message):
    path = tmp_path / "c.toml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=message) as caught:
        toml.read(path)
    assert "c.toml" in str(caught.value)


def test_a_config_that_is_not_there_or_a_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no config .*c\.toml"):
        toml.read(tmp_path / "c.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        toml.read(tmp_path)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("seed=3", {"seed": 3}),
        ("training.rate=1e-3", {"training": {"rate": 1e-3}}),
        ("ansatz.phase=false", {"ansatz": {"phase": False}}),
        ("ansatz.name=recurrent", {"ansatz": {"name": "recurrent"}}),
        ('ansatz.name="recurrent"', {"ansatz": {"name": "recurrent"}}),
        ("data.file=['a.h5', 'b.h5']", {"data": {"file": ["a.h5", "b.h5"]}}),
        ("data.file=a=b.h5", {"data": {"file": "a=b.h5"}}),
        ("budget=8m", {"budget": "8m"}),
        (" seed = 3", {"seed": 3}),
        ("a.b.c=", {"a": {"b": {"c": ""}}}),
        ("seed=__import__('os')", {"seed": "__import__('os')"}),
    ],
)
def test_set_reads_a_value_as_toml_and_else_as_text(assignment, expected):
    tables = {}
    toml.assign(tables, assignment)
    assert tables == expected


def test_set_changes_one_key_and_keeps_its_neighbours():
    tables = {"seed": 1, "training": {"steps": 100, "rate": 0.1}}
    toml.assign(tables, "training.steps=200")
    assert tables == {"seed": 1, "training": {"steps": 200, "rate": 0.1}}


@pytest.mark.parametrize("assignment", ["seed", "=3", "training.=3", ".steps=3", "", "a..b=1"])
def test_set_without_key_or_value_is_refused(assignment):
    with pytest.raises(ConfigError, match=r"key\.sub=value"):
        toml.assign({}, assignment)


def test_set_does_not_look_inside_a_value():
    with pytest.raises(ConfigError, match="seed is a value, not a table"):
        toml.assign({"seed": 1}, "seed.x=3")


def test_the_resolved_config_reads_back_as_itself(tmp_path):
    tables = {
        "seed": 7,
        "budget": "1h30m",
        "target": "psi.txt",
        "data": {"file": ['a "b" \\ ü.h5', "c.h5"], "held_out": 0.125, "select": "run=3"},
        "ansatz": {"name": "recurrent", "hidden": 12, "phase": True},
        "training": {"steps": 120, "rate": 0.1 + 0.2, "restarts": 3},
    }
    config = toml.checked(Tomography, tables)
    toml.write(tmp_path / "c.toml", config, "first line\nsecond line")
    text = (tmp_path / "c.toml").read_text()
    assert text.startswith("# first line\n# second line\n")
    assert toml.checked(Tomography, toml.read(tmp_path / "c.toml")) == config
    assert config.budget == 5400
    assert config.training.rate == 0.1 + 0.2  # to the last bit


def test_the_commented_config_is_the_default_one_and_names_every_key():
    text = toml.commented(Tomography, "what it is\nand more")
    assert toml.checked(Tomography, tomllib.loads(text)) == Tomography()
    for table in ("data", "ansatz", "training", "baseline"):
        for key in type(getattr(Tomography(), table)).model_fields:
            assert f"{key} =" in text.split(f"[{table}]")[1].split("\n[")[0]
    for key in ("job", "seed", "budget", "time_limit", "target"):
        assert f"{key} =" in text.split("[data]")[0]


def test_two_configs_share_no_table():
    """What is chosen for one data set must not leak into the next."""
    one, other = Tomography(), Tomography()
    one.ansatz.hidden, one.training.steps = 99, 77
    one.data.file.append("x")
    assert other == Tomography()
    assert other.ansatz.hidden is None
    assert other.data.file == []
