"""``completion``: the script that makes a shell complete commands, options and their values."""

import click

from chronos_gitops.cli import completion


@click.command("completion")
@click.argument("shell", type=click.Choice(completion.SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  chronos-gitops completion bash > ~/.local/share/bash-completion/completions/chronos-gitops
    zsh:   chronos-gitops completion zsh > "${fpath[1]}/_chronos-gitops"
    fish:  chronos-gitops completion fish > ~/.config/fish/completions/chronos-gitops.fish
    """
    click.echo(completion.script(context.find_root().command, shell))
