"""moto's server with IAM enforced, as a program of its own: it takes the arguments of moto_server.

Four things of moto stand in the way, and are put right here: it cannot repeat the signature of a form that
another SDK has encoded; it words every refusal in XML of a form that is not IAM's; it has no ListServiceDeployments;
and its DescribeCapacityProviders fails where no names are given.
"""

import json
import sys

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.iam import access_control
from moto.server import main
from werkzeug.exceptions import HTTPException


class Refused(HTTPException):
    """moto answers with the description as it is."""

    code = 403

    def __init__(self, service, message):
        if service in ("iam", "sts"):
            error = f"<Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message>"
            super().__init__(f"<ErrorResponse><Error>{error}</Error></ErrorResponse>")
        else:
            super().__init__(json.dumps({"__type": "AccessDeniedException", "message": message}))


def refuse(request):
    user, action = request._access_key.arn, request._action
    raise Refused(request._service, f"User: {user} is not authorized to perform: {action}")


def describe_capacity_providers(backend, names, describe=EC2ContainerServiceBackend.describe_capacity_providers):
    every = list(backend.capacity_providers) if names is None else names
    return describe(backend, every)


EC2ContainerServiceBackend.describe_capacity_providers = describe_capacity_providers
# Without it, Evenkeel does not know what became of the last rollout, and begins no other.
EC2ContainerServiceResponse.list_service_deployments = lambda self: ActionResult({"serviceDeployments": []})
access_control.IAMRequest._raise_access_denied = refuse
access_control.IAMRequest.check_signature = lambda request: None

if __name__ == "__main__":
    main(sys.argv[1:])
