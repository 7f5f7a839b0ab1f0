"""Pages from templates: everything that comes from outside is escaped, control characters are gone."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nqs.report.wording import printable


def rendered(name: str, **values: object) -> str:
    """The template of that name with these values, as text."""
    environment = Environment(
        loader=PackageLoader("nqs.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else printable(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**values)
