"""A learning controller for the roads of arz_model."""
