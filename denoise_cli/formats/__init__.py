"""One module a format. Each has: decode(data, limit) → Picture; encode(stream, picture); metadata(picture); adopt(metadata) → extras."""
