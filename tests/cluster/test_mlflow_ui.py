"""MLflow's own user interface on the registry, in a real browser: what it shows, and what its buttons do."""

import collections.abc
import contextlib
import typing
import urllib.parse
import uuid

import mlflow
import pytest

from podium import errors
from podium.registry import store
from tests.support import browser, installed, models
from tests.support import cluster as support

NOT_OFFERED = "/ajax-api/2.0/mlflow/users/current"
"""Asked for by every page, and answered with 404 by every server without MLflow's authentication."""
EDIT_ALIASES = (
    "[...document.querySelectorAll('button')].find("
    "each => (each.dataset.componentId || '').includes('modelversionviewaliaseditor'))"
)
ALIAS_FIELD = "document.querySelector('[role=dialog] .du-bois-light-select-selector')"
SEARCH_FIELD = "document.querySelector('input[placeholder^=Search]')"
ROWS = "[...document.querySelectorAll('[role=row]')].map(each => each.innerText.split('\\n')[0]).slice(1)"


class Ui(typing.NamedTuple):
    """The user interface, with its notices closed."""

    page: browser.Page
    url: str

    async def show(self, path: str, text: str) -> None:
        """Goes to a page and waits for a text on it."""
        await self.page.open(f"{self.url}/#/{urllib.parse.quote(path)}")
        await self.page.wait_text(text)

    async def add_alias(self, alias: str) -> None:
        """Gives the version whose page is shown an alias, by clicks."""
        await self.page.click(EDIT_ALIASES, "the button that edits aliases")
        await self.page.click(ALIAS_FIELD, "the field for aliases")
        await self.page.type(alias)
        await self.page.click_button("Save aliases")


@contextlib.asynccontextmanager
async def opened(podium: installed.Podium, *, refused: str = "") -> collections.abc.AsyncIterator[Ui]:
    """A browser on the models' page; afterwards nothing may have failed but what was `refused`."""
    async with browser.browsing() as page:
        ui = Ui(page, podium.tracking_uri)
        await ui.show("models", "Registered Models")
        await page.click_button("Try it now")  # a notice about aliases
        yield ui
        await page.evaluate("1")  # what was heard until now
    expected = (NOT_OFFERED, refused or NOT_OFFERED)
    assert [fault for fault in page.faults if not fault.endswith(expected)] == []


@pytest.fixture
def versions(model: models.NewModel) -> models.Model:
    """A model with two versions, the first of which has the alias `champion`."""
    made = model(f"ui {uuid.uuid4().hex[:8]}")
    for _ in range(2):
        made.add()
    made.registry.models.set_tag(made.name, "team", made.uid)
    made.set_alias("champion", 1)
    return made


async def test_models_are_searched_shown_and_an_alias_is_moved_by_clicks(
    podium: installed.Podium, versions: models.Model, registry: store.Registry
) -> None:
    async with opened(podium) as ui:
        await ui.page.click(SEARCH_FIELD, "the search")
        await ui.page.type(f"tags.team = '{versions.uid}'")
        await ui.page.wait(f"JSON.stringify({ROWS}) === JSON.stringify(['{versions.name}'])", "one row alone")
        await ui.show(f"models/{versions.name}", "Version 2")
        await ui.page.wait_text("@ champion")

        await ui.show(f"models/{versions.name}/versions/2", "Registered At")
        await ui.add_alias("champion")
        await ui.page.wait("!document.querySelector('[role=dialog]')", "the dialog to close")
        await ui.page.wait_text("@ champion")
    assert registry.aliases.fresh(versions.name, "champion").number == 2
    last = registry.aliases.history(versions.name)[-1]
    assert (last.alias, last.from_version, last.to_version) == ("champion", 1, 2)


async def test_a_move_that_a_gate_forbids_is_refused_in_the_dialog_with_its_sentence(
    podium: installed.Podium, versions: models.Model, registry: store.Registry, namespace: support.Namespace
) -> None:
    gated = models.model_alias("iris", versions.name, gates={"tags": {"approval_status": "approved"}})
    namespace.apply(gated | {"spec": gated["spec"] | {"template": {"replicas": 0}}})
    head = registry.models.fresh(versions.name)
    support.wait_for("the gates to be known to the registry", lambda: registry.serving.fresh_policy(head).gates)
    async with opened(podium, refused="/registered-models/alias") as ui:
        await ui.show(f"models/{versions.name}/versions/2", "Registered At")
        await ui.add_alias("champion")
        await ui.page.wait_text("tag approval_status = approved: found missing")
    assert registry.aliases.fresh(versions.name, "champion").number == 1


async def test_prompts_are_shown_with_their_versions_and_aliases(
    podium: installed.Podium, registry: store.Registry, mlflow_client: typing.Any
) -> None:
    prompt = f"ui-{uuid.uuid4().hex[:8]}"
    try:
        mlflow.genai.register_prompt(prompt, "Tell {{flower}} apart.", commit_message="a beginning")
        mlflow.genai.register_prompt(prompt, "Which flower is {{flower}}?")
        mlflow.genai.set_prompt_alias(prompt, "production", 1)
        async with opened(podium) as ui:
            await ui.show("prompts", prompt)
            await ui.show(f"prompts/{prompt}", "Which flower is {{flower}}?")
            await ui.page.wait_text("@ production")
    finally:
        with contextlib.suppress(errors.NotFound):
            registry.models.delete(prompt)
