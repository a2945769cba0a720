"""What a source delivers, without the None by which it says that all is well."""


def delivered(source, stop):
    return (frame for frame in source.frames(stop) if frame is not None)
