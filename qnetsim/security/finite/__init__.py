"""Keys from blocks of finite length: what each failure probability and each round costs."""
