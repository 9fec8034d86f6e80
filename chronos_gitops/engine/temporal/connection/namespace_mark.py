"""A value that all runners of a namespace share: the memo of a workflow that exists for nothing else."""

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.temporal import names
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class NamespaceMark:
    """``workflow`` is the name of its type, and ``id`` the id of the one workflow that holds the value."""

    workflow: str
    id: str

    async def read(self, client: Client) -> str | None:
        """None where no runner has written it yet. RPCError when the server does not answer."""
        described = await self.described(client)
        if described is None:
            return None
        found: str = await described.memo_value(names.KEY)
        return found

    async def described(self, client: Client) -> WorkflowExecutionDescription | None:
        """The workflow with its memo as it is stored, encrypted or not."""
        try:
            return await client.get_workflow_handle(self.id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def write(self, client: Client, value: str) -> None:
        """Replaces the value of before."""
        await client.start_workflow(
            self.workflow,
            id=self.id,
            task_queue=names.TURNS,
            memo={names.KEY: value},
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )
