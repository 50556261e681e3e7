"""ML2: type drivers say which segments exist, mechanism drivers say who can plug a port into them."""

from lab.services.network.ml2.mechanisms import Binding, Mechanism, MechanismManager
from lab.services.network.ml2.types import TypeManager

__all__ = ["Binding", "Mechanism", "MechanismManager", "TypeManager"]
