"""Django settings, one module per concern; every value has a working default."""

from cryptosite.settings.paths import *  # noqa: F403  (Django reads the merged namespace)
from cryptosite.settings.security import *  # noqa: F403
from cryptosite.settings.applications import *  # noqa: F403
from cryptosite.settings.database import *  # noqa: F403
from cryptosite.settings.inference import *  # noqa: F403
from cryptosite.settings.redis import *  # noqa: F403
from cryptosite.settings.market import *  # noqa: F403
from cryptosite.settings.signals import *  # noqa: F403
from cryptosite.settings.transparency import *  # noqa: F403
from cryptosite.settings.retention import *  # noqa: F403
from cryptosite.settings.alerting import *  # noqa: F403
from cryptosite.settings.mqtt import *  # noqa: F403
from cryptosite.settings.training import *  # noqa: F403
from cryptosite.settings.retraining import *  # noqa: F403
from cryptosite.settings.rest import *  # noqa: F403
from cryptosite.settings.logging import *  # noqa: F403
