"""Studies: a scenario under many parameters, in seeded blocks whose rows add up anywhere."""
