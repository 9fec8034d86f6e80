"""docs/how-to/use-with-agents.md: its configuration starts a server with the tools that its table names."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import PROGRAM, Runner
from harness.repositories.repository import Repository
from mcp import Client, StdioServerParameters

PAGE = (Path(__file__).parents[3] / "docs/how-to/use-with-agents.md").read_text("utf-8")


@pytest.mark.timeout(200)
def test_the_configuration_of_the_page_starts_the_tools_of_the_page(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (server,) = json.loads(block)["mcpServers"].values()
    assert (server["command"], list(server["env"])) == ("chronos-gitops", ["CHRONOS_TOKEN"])
    repository = Repository.init(tmp_path / "checkout")
    repository.write_job("nightly-backup")
    repository.commit("A job")

    async def scene(address: str) -> tuple[set[str], str]:
        given = {"https://chronos.example.com": address, "/home/me/jobs": str(repository.root)}
        words = [*PROGRAM[1:], *(given.get(word, word) for word in server["args"])]
        started = StdioServerParameters(command=PROGRAM[0], args=words, env={})
        async with Client(started, read_timeout_seconds=90) as client:
            listed = await client.list_tools()
            return {tool.name for tool in listed.tools}, str(await client.call_tool("list_jobs", {}))

    with Runner(str(repository.root), data=tmp_path / "data") as runner:
        tools, listing = asyncio.run(scene(runner.address))
    rows = re.findall(r"^\| (`\w+`.*?) \|", PAGE, re.MULTILINE)
    assert tools == {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert "nightly-backup" in listing
