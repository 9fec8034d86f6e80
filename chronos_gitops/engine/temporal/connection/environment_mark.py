"""A workflow which only is there says to which environment a namespace belongs."""

import contextlib
from typing import Final

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from chronos_gitops.engine.environment_claim import EnvironmentClaim
from chronos_gitops.engine.temporal import names

_ID: Final = "identity/environment"


async def claim_environment(client: Client, claim: EnvironmentClaim) -> None:
    """WrongEnvironment where the namespace belongs to another one."""
    if claim.name is None:
        return
    with contextlib.suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            names.IDENTITY,
            id=_ID,
            task_queue=names.TURNS,
            memo={names.KEY: claim.name},
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
            if claim.is_renamed
            else WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
            if claim.is_renamed
            else WorkflowIDConflictPolicy.FAIL,
        )
    described = await client.get_workflow_handle(_ID).describe()
    claim.check(await described.memo_value(names.KEY), "namespace")
