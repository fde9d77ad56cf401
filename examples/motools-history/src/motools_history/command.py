"""Shows the history: a command of its own, imported when it is called."""

import json
from datetime import UTC, datetime

import click

from motools_history.writing import history as file


@click.command()
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many events.")
def history(last: int) -> None:
    """Show what happened last."""
    lines = file().read_text(encoding="utf-8").splitlines() if file().exists() else []
    for event in map(json.loads, lines[-last:]):
        when = datetime.fromtimestamp(event["at"], tz=UTC).isoformat(" ", "seconds")
        click.echo(
            f"{when}  {event['happened']:<10}  {event['backend']}  {event['job_id']}  {event['model_id'] or ''}".rstrip()
        )
