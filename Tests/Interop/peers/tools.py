"""The tools that both SDK servers offer: plain functions, from which each SDK makes its own schemas."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Stock(BaseModel):
    """What is on the shelf."""

    sku: str = Field(pattern="^[A-Z]{3}-[0-9]+$")
    quantity: int = Field(ge=0)
    price: float = 1.5
    places: list[str] = []


def stock(sku: Annotated[str, Field(description="Naïve “SKU” — 部品番号 \U0001f4e6")], deep: bool = False) -> Stock:
    """Reads the stock of an article."""
    return Stock(sku=sku, quantity=3)


def book(sku: str, quantity: Annotated[int, Field(ge=1, le=10**15)], unit: Literal["piece", "kg"] = "piece") -> str:
    """Books a quantity.

    A second paragraph, with a tab\tand a "quote" and a back\\slash.
    """
    return f"{quantity} {unit} of {sku}"


def scale(factor: Annotated[float, Field(gt=1e-7, lt=1e21)] = 0.1, limits: dict[str, float] | None = None) -> float:
    """Scales by a factor."""
    return factor
