"""Settings that leave a state open, and settings that fix it, as lists with commas."""


def one_site(sites: int) -> str:
    """Z everywhere, and one site in X or Y."""
    turned = ["Z" * i + letter + "Z" * (sites - 1 - i) for i in range(sites) for letter in "XY"]
    return ",".join(["Z", *turned])


def pairs(sites: int) -> str:
    """Z everywhere, and two sites in X or Y."""
    turned = [
        "".join(a if k == i else b if k == j else "Z" for k in range(sites))
        for i in range(sites)
        for j in range(i + 1, sites)
        for a in "XY"
        for b in "XY"
    ]
    return ",".join(["Z", *turned])


def x_and_z_of_three() -> str:
    """Every setting of X and Z: ψ and ψ* are alike in all of them."""
    return ",".join(a + b + c for a in "XZ" for b in "XZ" for c in "XZ")
