"""Fixes by error message: of the driver, of S3, of COPY and UNLOAD.

The messages of COPY and UNLOAD are those of https://docs.aws.amazon.com/redshift/latest/dg/s3serviceexception-error.html
and https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from redshift_etl import settings
from redshift_etl.cluster_check.model import STATEMENT, Advice, Check

_TIMEOUT = Advice(
    r"57014|statement timeout|canceling statement|requested abort",
    f"The statement took longer than {STATEMENT.seconds} seconds: see in sys_query_history what holds its lock or "
    "fills the queue, then check again.",
)
CONNECTION = (
    Advice(r"28000|28P01|password authentication failed", "Correct login and password of redshift_default, or set "
           "the password: ALTER USER etl PASSWORD '…'."),
    Advice(r"3D000|database .* does not exist", "Correct the database (schema) of the connection redshift_default."),
    Advice(r"refuses SSL|does not support SSL", "Connect to the cluster itself, which has TLS, or, for a server that "
           'has none, set the extra {"ssl": false} of redshift_default.'),
    Advice(r"no pg_hba|SSL (is )?(off|required)|require_ssl", 'Remove "ssl": false from the extra of '
           "redshift_default: the cluster has require_ssl."),
    Advice(r"certificate", "Use the cluster's own host name in redshift_default, or trust the authority that signed "
           "its certificate (SSL_CERT_FILE)."),
    Advice(r"GetClusterCredentials|GetCredentials|AccessDenied|Unable to locate credentials|NoCredentials",
           "Give the machine's role the statement LogInByIam, and db_user in the extra of redshift_default."),
    Advice(r"timed out|refused|unreachable|not known|resolve|communication error|No route",
           "Correct host and port of redshift_default, and let the cluster's security group admit this machine."),
)  # fmt: skip
_BUCKET = Advice(
    r"NoSuchBucket|bucket does not exist",
    f"Create the bucket, or correct the setting [{settings.SECTION}] lake.",
)
_REGION = Advice(
    r"PermanentRedirect|AuthorizationHeaderMalformed|specified endpoint|region .* is wrong|IllegalLocation",
    f"Set [{settings.SECTION}] region to the Region of the lake's bucket, and have that bucket in the cluster's own "
    "Region: UNLOAD names none.",
)
_DENIED = r"Access ?Denied|Forbidden|\b403\b|InvalidAccessKeyId|SignatureDoesNotMatch"
WORKER_S3 = (
    _BUCKET,
    _REGION,
    Advice(_DENIED, "Give the workers' role (or the user of aws_default) the policy `airflow-worker`."),
    Advice(r"no AWS credentials", "Give the machine a role, or configure the connection aws_default."),
    Advice(r"did not respond", "Let the workers reach S3: a gateway endpoint or NAT; or correct endpoint_url and "
           "region_name of aws_default."),
)  # fmt: skip
CLUSTER_S3 = (
    Advice(r"assume|get credentials of role|not attached|UnauthorizedException|ASSUMEROLE",
           "Attach the role to the cluster, let its trust policy name redshift.amazonaws.com and "
           f"redshift-serverless.amazonaws.com, and set [{settings.SECTION}] iam_role to its ARN."),
    _BUCKET,
    _REGION,
    Advice(_DENIED, "Give the cluster's role the policy `redshift-copy` for this lake."),
    Advice(r"time[d ]*out|connect", "With enhanced VPC routing, add an S3 gateway endpoint to the route tables of the "
           "cluster's subnets."),
)  # fmt: skip


def fix_of(check: Check, error: str) -> str:
    """What to do about the error that ended a check."""
    return _first((_TIMEOUT, *check.advice), error) or check.fix


def _first(advice: Sequence[Advice], error: str) -> str:
    return next((each.fix for each in advice if re.search(each.pattern, error, re.IGNORECASE)), "")
