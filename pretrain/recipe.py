"""Reads recipes."""

import json
import tomllib


def load_recipe(path, overrides=()):
    """The recipe of a file, which may name another that it is `like` and give only what differs: of another network,
    at least its config and objective. `SECTION.KEY=VALUE` (in JSON) overrides an entry."""
    own = tomllib.loads(path.read_text())
    recipe = load_recipe(path.with_name(f"{own.pop('like')}.toml")) if "like" in own else {}
    if "network" in own:
        recipe |= {"config": {}, "objective": {}}
    for key, value in own.items():
        recipe[key] = recipe.get(key, {}) | value if isinstance(value, dict) else value
    for override in overrides:
        key, value = override.split("=", 1)
        section, name = key.split(".")
        recipe[section][name] = json.loads(value)
    return recipe
