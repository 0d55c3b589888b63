// Empty: the target that owns a precompiled header must have a source.
