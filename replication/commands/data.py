"""Data and language models: from pinned bytes to vectors, a command for each step."""

import argparse
import time
from pathlib import Path

from replication.commands.command import argument, load_params, shared_params
from replication.study import paths


@argument("--profile", help="a name under conf/profile; none: params.yaml as it is")
@argument("folder", type=Path, help="where all files go")
def fetch(arguments: argparse.Namespace) -> None:
    """Bring all bytes of a study to one folder, for a machine without network."""
    from replication.pipeline.preflight.fetch import run

    run(arguments)


def data(_: argparse.Namespace) -> None:
    """Make the demo corpus, or bring the data that data.path names."""
    from replication.mind.source import provide_data

    provide_data(load_params(), paths.RAW)
    print(f"{paths.RAW}: train and dev; `prepare` checks and counts them")


def prepare(_: argparse.Namespace) -> None:
    """Turn MIND's TSV files into checked columns of integers."""
    from replication.files.atomic import write_text
    from replication.files.documents import read_json
    from replication.mind.prepare import prepare
    from replication.mind.source import named_as_given

    params = load_params()
    asked = params.data
    with named_as_given(params, paths.RAW):
        prepare(paths.RAW, paths.PREPARED, asked.release, train_days=asked.train_days)
    write_text(paths.DATA_CARD, (paths.PREPARED / "meta.json").read_text(encoding="utf-8"))
    card = read_json(paths.DATA_CARD)
    splits = "; ".join(
        f"{split}: {of['impressions']:,} impressions, {of['clicks']:,} clicks"
        for split, of in card["splits"].items()
    )
    print(f"{paths.PREPARED}: {card['articles']:,} articles, {card['users']:,} users; {splits}")


@argument("encoder", help="a name under `encoders` of params.yaml")
def checkpoint(arguments: argparse.Namespace) -> None:
    """Bring the pinned bytes of one encoder to disk."""
    from replication.encoders.sources.checkpoints import fetch_checkpoint

    fetch_checkpoint(arguments.encoder, load_params())


@argument("adapter", help="a name under `adapters` of params.yaml")
def adapt(arguments: argparse.Namespace) -> None:
    """Fine-tune one LLM on clicks (LoRA)."""
    name, started, params = arguments.adapter, time.perf_counter(), shared_params(arguments)
    from replication.encoders.lora.adapt import adapt
    from replication.encoders.lora.cost import save_adapter_cost

    resumed, operations = adapt(name, params)
    seconds = None if resumed else time.perf_counter() - started
    adapter = params.adapters[name]
    save_adapter_cost(name, seconds, adapter.max_steps * adapter.batch_size, operations)


@argument("encoder", help="a name under `encoders` of params.yaml")
def embed(arguments: argparse.Namespace) -> None:
    """Compute the tokens and frozen token vectors of every article."""
    params = shared_params(arguments)
    from replication.encoders.models.embed import embed

    embed(arguments.encoder, params)


@argument("adapter", help="a name under `adapters` of params.yaml")
@argument("folder", type=Path, help="where to write the merged model")
def merge(arguments: argparse.Namespace) -> None:
    """Write an adapted LLM as one model, its adapter merged into its weights."""
    from replication.encoders.sources.adapters import merge

    merge(arguments.adapter, load_params(), arguments.folder)
