"""A cloud as it is watched, without a screen: where entries come from, the film of them, and what they add up to."""
