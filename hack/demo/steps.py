"""The steps of the demo, in order, as a list that can be read; each knows what to say when it cannot be taken."""

import dataclasses
import http.client
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import loadgen
from demo import failure, installation, kubectl, move, phases
from localcluster import engine, layout, shell
from podium import names

if TYPE_CHECKING:
    import mlflow

ROOT = installation.ROOT
MODEL, ALIAS = "iris-classifier", "champion"
OBJECT, NAMESPACE, HOST = "iris", "models", "iris.example.com"
"""Of examples/modelalias.yaml."""
READY_SECONDS = 300.0
INGRESS_SECONDS = 30.0
"""How long the ingress may take to hear of a new host."""
REQUESTS = 2000
"""At least so many requests are sent from the alias call on."""
PLAN = loadgen.Plan(kept=4, fresh=4, rate=60.0, most=60_000, seconds=READY_SECONDS + 60)


@dataclasses.dataclass
class Demo:
    """What the steps hand on."""

    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    images: dict[str, str] = dataclasses.field(default_factory=dict)
    before: str = ""
    """The version that is served when the move begins."""
    after: str = ""
    """The version that is served after it."""

    @property
    def kubectl(self) -> kubectl.Kubectl:
        """kubectl on the demo's cluster."""
        return kubectl.Kubectl(self.environment)

    @property
    def invocations(self) -> str:
        """Where the ingress answers; the Host header chooses the model."""
        return f"{self.environment['PODIUM_INGRESS']}/invocations"


def start_cluster(demo: Demo) -> None:
    """Starts the cluster, or finds it running, and builds the images meanwhile; missing packages are installed."""
    demo.images = installation.build_images(with_cluster=True)
    own = engine.choose(layout.from_environment()).environment()
    demo.environment = own | {"PATH": f"{own['PATH']}:{os.environ.get('PATH', '')}"}


def install_chart(demo: Demo) -> None:
    """Installs the operator and the tracking server."""
    installation.install(demo.environment, installation.values(demo.images, demo.environment))
    installation.wait_for_tracking(demo.environment)


def choose_first_champion(demo: Demo) -> None:
    """Trains and registers a first version with the alias set, unless MLflow knows a champion already."""
    demo.before = _champion(demo) or train(demo, trees=10, alias=ALIAS)
    shell.say(f"   {ALIAS} of {MODEL} is version {demo.before}")


def serve(demo: Demo) -> None:
    """Applies the ModelAlias of the examples and waits until the champion is served."""
    for name in ("namespace.yaml", "modelalias.yaml"):
        demo.kubectl.run("apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'examples' / name}")
    _wait_ready(demo)


def _question(demo: Demo) -> tuple[http.client.HTTPResponse, str]:
    """The answer to one request over a connection of its own, and its body."""
    connection = http.client.HTTPConnection(demo.environment["PODIUM_INGRESS"].removeprefix("http://"), timeout=30)
    connection.request("POST", "/invocations", loadgen.IRIS, {"Host": HOST, "Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer, answer.read().decode(errors="replace")


def ask(demo: Demo) -> None:
    """Posts one flower through the ingress, which may hear of a new host late, and shows the answer."""
    shell.wait_until(lambda: _question(demo)[0].status != 404, INGRESS_SECONDS, 0.5)
    answer, body = _question(demo)
    version = answer.getheader(names.MODEL_VERSION_HEADER)
    shell.say(f"   {loadgen.IRIS.decode()}  ->  {answer.status} {body.strip()}  by version {version}")
    if answer.status != 200 or version != demo.before:
        raise failure.DemoError(f"version {demo.before} should have answered 200; see: {_look_at(demo)}")


def train_next(demo: Demo) -> None:
    """Trains and registers the version that is to take over."""
    demo.after = train(demo, trees=40)
    shell.say(f"   version {demo.after} is registered, and serves nobody yet")


def move_champion(demo: Demo) -> None:
    """Moves the alias under load, and prints what the clients saw. Raises DemoError if one request failed."""
    client, target = _mlflow_client(demo), loadgen.Target(demo.invocations, HOST)
    with phases.Phases(demo.environment, NAMESPACE, OBJECT) as watched, loadgen.running(target, PLAN) as load:
        load.wait_for_answers(200)
        seen = move.under_load(
            load,
            watched,
            (demo.before, demo.after),
            lambda: client.set_registered_model_alias(MODEL, ALIAS, demo.after),
            READY_SECONDS,
        )
        load.wait_for_answers(REQUESTS, timeout=120, since=seen.called)
    seen = move.finished(seen, load)
    for line in seen.describe():
        shell.say(f"   {line}")
    if seen.result.failed:
        raise failure.DemoError(f"{seen.result.failed} requests failed, and none may; see: {_look_at(demo)}")


STEPS: tuple[tuple[str, Callable[[Demo], None]], ...] = (
    ("a Kubernetes cluster, and container images beside it", start_cluster),
    ("Podium: the operator and an MLflow tracking server", install_chart),
    ("a first champion, with plain MLflow", choose_first_champion),
    ("the champion served: examples/modelalias.yaml", serve),
    ("one question through the ingress", ask),
    ("the next version, with plain MLflow", train_next),
    ("the champion moved, under load", move_champion),
)


def train(demo: Demo, *, trees: int, alias: str = "") -> str:
    """Runs examples/train.py as a user would; returns the version that it registered."""
    command = [sys.executable, str(ROOT / "examples/train.py"), f"--model={MODEL}", f"--trees={trees}"]
    command += [f"--alias={alias}"] if alias else []
    with shell.step("examples/train.py"):
        said = shell.run(command, environment=installation.mlflow_environment(demo.environment), timeout=READY_SECONDS)
    return said.split()[-1]


def _mlflow_client(demo: Demo) -> "mlflow.MlflowClient":
    import mlflow  # takes seconds, and nothing before needs it

    return mlflow.MlflowClient(installation.tracking_uri(demo.environment))


def _champion(demo: Demo) -> str:
    """The version that MLflow's alias designates, or nothing."""
    import mlflow

    try:
        return str(_mlflow_client(demo).get_model_version_by_alias(MODEL, ALIAS).version)
    except mlflow.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return ""
        raise


def _wait_ready(demo: Demo) -> None:
    """Waits until the ModelAlias serves the champion, and tells each change of its conditions."""
    end, told = time.monotonic() + READY_SECONDS, ""
    while time.monotonic() < end:
        found = demo.kubectl.get(NAMESPACE, "modelalias", OBJECT)
        served = (found or {}).get("status", {}).get("served", {}).get("version")
        if kubectl.is_ready(found) and str(served) == demo.before:
            return
        known = kubectl.conditions(found)
        now = next(
            (known[kind].get("message", "") for kind in ("Stalled", "Reconciling", "Ready") if kind in known), ""
        )
        if now and now != told:
            shell.say(f"   {now}")
            told = now
        time.sleep(1)
    raise failure.DemoError(
        f"version {demo.before} was not served within {READY_SECONDS:.0f} s ({told or 'the operator said nothing'})\n"
        f"{demo.kubectl.tell('get', 'modelaliases,modelversions,pods', f'--namespace={NAMESPACE}')}\n"
        f"see: {_look_at(demo)}"
    )


def _look_at(demo: Demo) -> str:
    kubeconfig = Path(demo.environment["KUBECONFIG"])
    return (
        f"KUBECONFIG={kubeconfig} kubectl describe modelalias {OBJECT} -n {NAMESPACE}, and "
        f"kubectl logs -n {installation.NAMESPACE} deployment/{installation.RELEASE}"
    )
