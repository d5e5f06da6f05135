"""What each stand-in gets wrong, as far as `evenkeel plan` still shows it after `evenkeel apply`.

(stand-in, what the plan shows, what the stand-in does otherwise than AWS). `*` stands for anything.
"""

DEVIATIONS = [
    (
        "ministack",
        "Role/* permissionsBoundary",
        "keeps a boundary and shows it in GetRole, but leaves it out of GetAccountAuthorizationDetails",
    ),
    ("ministack", "Service/catalog placementStrategy", "keeps it neither in CreateService nor in UpdateService"),
    ("ministack", "Service/legacy placementConstraints", "keeps it neither in CreateService nor in UpdateService"),
    ("ministack", "Service/search volumeConfigurations*", "keeps it neither in CreateService nor in UpdateService"),
    (
        "moto",
        "AccountSettings/account *",
        "has no PutAccountSettingDefault: it answers 500 with a page of HTML",
    ),
    ("moto", "Service/collector create", "CreateService refuses launch type EXTERNAL; RunTask takes it"),
    (
        "moto",
        "Service/* capacityProviderStrategy*",
        "drops it in CreateService; it has no ListServiceDeployments, and Evenkeel replaces no tasks while it cannot "
        "know what became of the last time",
    ),
    ("moto", "Service/search volumeConfigurations*", "drops it in CreateService, and has no ListServiceDeployments"),
]
