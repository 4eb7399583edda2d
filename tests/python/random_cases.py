"""Random points, payloads, filters and changes, drawn from one seeded generator.

Payload fields have a usual kind (`FIELDS`), and now and then a value of another kind, so that
every condition also meets values that it must not match.
"""

import random
import uuid

from qdrant_client import models as m

WORDS = ["amber", "basalt", "cedar", "dune", "ember", "fjord", "grove", "heath"]
CITIES = ["Aarhus", "Bergen", "Cadiz", "Derry", "Elgin"]
UUIDS = [str(uuid.UUID(int=(7919 * i) << 64 | i)) for i in range(1, 40)]
KNOWN_VALUES = [str(uuid.UUID(int=104729 * i)) for i in range(1, 6)]
QUOTED = '"odd key.x"'

# The field, the kind of index that it may get, and the kinds of condition that suit it.
FIELDS = {
    "city": m.PayloadSchemaType.KEYWORD,
    "tags": m.PayloadSchemaType.KEYWORD,
    "n": m.PayloadSchemaType.INTEGER,
    "x": m.PayloadSchemaType.FLOAT,
    "ok": m.PayloadSchemaType.BOOL,
    "at": m.PayloadSchemaType.DATETIME,
    "where": m.PayloadSchemaType.GEO,
    "u": m.PayloadSchemaType.UUID,
    "deep.a[].b": m.PayloadSchemaType.INTEGER,
    QUOTED: m.PayloadSchemaType.KEYWORD,
}
PATHS = [*FIELDS, "text", "deep", "deep.a", "deep.a.b", "deep.a[0].b", "deep.a[].c", "tags[]",
         "tags[1]", "missing", "missing.more", "deep.a[]"]


class Cases:
    """Everything random in one run; the same seed gives the same run."""

    def __init__(self, seed, dimensions):
        self.random = random.Random(seed)
        self.dimensions = dimensions

    def chance(self, probability):
        """True with the given probability."""
        return self.random.random() < probability

    def some(self, values, least=0, most=3):
        """Between `least` and `most` of the values, perhaps repeated."""
        return [self.random.choice(values) for _ in range(self.random.randint(least, most))]

    # Points

    def vector(self, name):
        """A vector of the named field; rarely zero or on an axis."""
        size = self.dimensions[name]
        if self.chance(0.03):
            return [0.0] * (size - 1) + [self.random.choice([0.0, 1.0])]
        return [round(self.random.gauss(0, 1), 3) for _ in range(size)]

    def vectors(self):
        """What one point carries: a plain list, or some of the named vectors."""
        if list(self.dimensions) == [""]:
            return self.vector("")
        return {name: self.vector(name) for name in self.dimensions if self.chance(0.85)}

    def point_id(self):
        """An id from a small pool, so that points are rewritten often."""
        if self.chance(0.2):
            return self.random.choice(UUIDS)
        return self.random.choice([self.random.randint(0, 120), 2**63 + self.random.randint(0, 9)])

    def point(self):
        """A point with payload, or without."""
        payload = None if self.chance(0.05) else self.payload()
        return m.PointStruct(id=self.point_id(), vector=self.vectors(), payload=payload)

    # Values

    def instant(self):
        """A time as text in one of the accepted spellings."""
        day = f"2024-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}"
        clock = f"{self.random.randint(0, 23):02}:{self.random.randint(0, 59):02}"
        return self.random.choice(
            [day, f"{day}T{clock}", f"{day}T{clock}:07Z", f"{day} {clock}:07.250",
             f"{day}T{clock}:59+05:30", f"{day}T{clock}:00.123456Z"]
        )

    def place(self):
        """A point on the globe, mostly within a few degrees."""
        if self.chance(0.1):
            return {"lon": self.random.uniform(-180, 180), "lat": self.random.uniform(-90, 90)}
        return {"lon": self.random.uniform(10, 14), "lat": self.random.uniform(50, 54)}

    def odd(self):
        """A value of no usual kind. No float and no date: order_by would see one there."""
        return self.random.choice(
            [None, [], {}, [[]], [None], "", "odd", True, {"lon": 1}, [[1, 2], 3], {"a": None}]
        )

    def one_or_list(self, draw):
        """A value, a list of up to three, or an odd thing."""
        if self.chance(0.08):
            return self.odd()
        return draw() if self.chance(0.7) else [draw() for _ in range(self.random.randint(0, 3))]

    def payload(self):
        """Some of the fields."""
        draw = {
            "city": lambda: self.random.choice(CITIES),
            "tags": lambda: self.random.choice(WORDS),
            "n": lambda: self.random.choice([self.random.randint(-9, 9), 2**53 + 1, -(2**62)]),
            "x": lambda: self.random.choice(
                [round(self.random.uniform(-5, 5), 2), self.random.randint(-5, 5), 3.0]
            ),
            "ok": lambda: self.chance(0.5),
            "at": self.instant,
            "where": self.place,
            "u": lambda: self.random.choice(KNOWN_VALUES),
            "text": lambda: " ".join(self.some(WORDS, 1, 5)),
            "odd key.x": lambda: self.random.choice(CITIES),
        }
        payload = {
            name: self.one_or_list(value) for name, value in draw.items() if self.chance(0.6)
        }
        if self.chance(0.6):
            payload["deep"] = {"a": self.one_or_list(self.inner)}
        return payload

    def inner(self):
        """An object inside an array."""
        inner = {"b": self.random.randint(0, 4), "c": self.random.choice(CITIES)}
        if self.chance(0.2):
            inner["b"] = self.odd()
        return {key: value for key, value in inner.items() if self.chance(0.85)}

    # Filters

    def filter(self, depth=0):
        """A filter with at least one clause."""
        clauses = {}
        while not clauses:
            if self.chance(0.5):
                clauses["must"] = self.clause(depth)
            if self.chance(0.35):
                clauses["should"] = self.clause(depth)
            if self.chance(0.3):
                clauses["must_not"] = self.clause(depth)
            if self.chance(0.15):
                conditions = [self.condition(depth) for _ in range(self.random.randint(1, 4))]
                clauses["min_should"] = m.MinShould(
                    conditions=conditions, min_count=self.random.randint(1, 3)
                )
        return m.Filter(**clauses)

    def clause(self, depth):
        """One condition, or a list of up to three."""
        if self.chance(0.2):
            return self.condition(depth)
        return [self.condition(depth) for _ in range(self.random.randint(0 if depth else 1, 3))]

    def condition(self, depth):
        """A condition of any kind; nesting ends at depth three."""
        if depth < 3 and self.chance(0.15):
            return self.filter(depth + 1)
        if depth < 3 and self.chance(0.1):
            key = self.random.choice(["deep.a", "deep.a[]", "deep", "tags"])
            return m.NestedCondition(nested=m.Nested(key=key, filter=self.inner_filter()))
        kinds = [self.on_field] * 8 + [self.on_point, self.on_emptiness, self.on_count]
        return self.random.choice(kinds)()

    def inner_filter(self):
        """A filter for the objects of an array."""
        conditions = [
            m.FieldCondition(key="b", match=m.MatchValue(value=self.random.randint(0, 4))),
            m.FieldCondition(key="b", range=m.Range(gte=self.random.randint(0, 4))),
            m.FieldCondition(key="c", match=m.MatchAny(any=self.some(CITIES, 1))),
            m.IsNullCondition(is_null=m.PayloadField(key="b")),
            m.IsEmptyCondition(is_empty=m.PayloadField(key="b")),
            m.HasIdCondition(has_id=[1, 2, 3]),
        ]
        clause = self.random.choice(["must", "should", "must_not"])
        return m.Filter(**{clause: self.some(conditions, 1)})

    def on_point(self):
        """A condition on the point rather than on its payload."""
        if self.chance(0.3):
            return m.HasVectorCondition(has_vector=self.random.choice([*self.dimensions]))
        return m.HasIdCondition(has_id=[self.point_id() for _ in range(self.random.randint(0, 20))])

    def on_emptiness(self):
        """Empty and null, in both spellings."""
        key = self.random.choice(PATHS)
        flag = self.chance(0.5)
        return self.random.choice(
            [
                m.IsEmptyCondition(is_empty=m.PayloadField(key=key)),
                m.IsNullCondition(is_null=m.PayloadField(key=key)),
                m.FieldCondition(key=key, is_empty=flag),
                m.FieldCondition(key=key, is_null=flag),
            ]
        )

    def on_count(self):
        """How many values a field has."""
        return m.FieldCondition(
            key=self.random.choice(PATHS), values_count=m.ValuesCount(**self.bounds(0, 3))
        )

    def bounds(self, low, high):
        """One or two sides of a range."""
        names = self.random.choice([["gt"], ["gte"], ["lt"], ["lte"], ["gte", "lt"], ["gt", "lte"]])
        values = sorted(self.random.randint(low, high) for _ in names)
        return dict(zip(names, values, strict=True))

    def on_field(self):
        """A condition that suits the field, or meets one that it does not suit."""
        draw = {
            "city": lambda: self.match(CITIES),
            "tags": lambda: self.match(WORDS),
            QUOTED: lambda: self.match(CITIES),
            "u": lambda: self.match(KNOWN_VALUES),
            "n": lambda: self.on_number(-9, 9),
            "deep.a[].b": lambda: self.on_number(0, 4),
            "x": lambda: self.on_number(-5, 5),
            "ok": lambda: {"match": m.MatchValue(value=self.chance(0.5))},
            "at": lambda: {"range": self.on_time()},
            "where": self.on_place,
            "text": self.on_text,
        }
        suited = self.random.choice(list(draw))
        key = suited if self.chance(0.9) else self.random.choice(PATHS)
        return m.FieldCondition(key=key, **draw[suited]())

    def match(self, values):
        """Equality with one, any or none of some values."""
        choice = self.random.choice(values)
        return {
            "match": self.random.choice(
                [
                    m.MatchValue(value=choice),
                    m.MatchAny(any=self.some(values)),
                    m.MatchExcept(**{"except": self.some(values)}),
                ]
            )
        }

    def on_number(self, low, high):
        """Equality or a range over numbers."""
        if self.chance(0.5):
            return self.match(list(range(low, high + 1)))
        return {"range": m.Range(**self.bounds(low, high))}

    def on_time(self):
        """A range of times."""
        names = self.random.choice([["gt"], ["lte"], ["gte", "lt"]])
        return m.DatetimeRange(**{name: self.instant() for name in names})

    def on_place(self):
        """A box, a circle or a polygon, near where most places are."""
        west, south = self.random.uniform(9, 13), self.random.uniform(49, 53)
        east, north = west + self.random.uniform(0.5, 3), south + self.random.uniform(0.5, 3)
        if self.chance(0.1):
            west, east = east, west
        if self.chance(0.33):
            corners = {
                "top_left": m.GeoPoint(lon=west, lat=north),
                "bottom_right": m.GeoPoint(lon=east, lat=south),
            }
            return {"geo_bounding_box": m.GeoBoundingBox(**corners)}
        if self.chance(0.5):
            center = m.GeoPoint(lon=west, lat=south)
            return {"geo_radius": m.GeoRadius(center=center, radius=self.random.uniform(1, 4e5))}
        outer = ring([(west, south), (east, south), (east + 1, north), (west, north)])
        inner = [ring([(west + 0.1, south + 0.1), (west + 0.4, south + 0.1), (west, south + 0.4)])]
        polygon = m.GeoPolygon(exterior=outer, interiors=inner if self.chance(0.4) else None)
        return {"geo_polygon": polygon}

    def on_text(self):
        """Words in a text. One word, or neighbours: see the list of known differences."""
        word = self.random.choice(WORDS)
        return {
            "match": self.random.choice(
                [
                    m.MatchText(text=word),
                    m.MatchTextAny(text_any=" ".join(self.some(WORDS, 1))),
                    m.MatchPhrase(phrase=" ".join(self.some(WORDS, 1, 2))),
                    m.MatchPrefix(prefix=word[: self.random.randint(1, 5)]),
                ]
            )
        }

    # What to return

    def payload_selector(self):
        """All, none, or some paths of the payload."""
        paths = self.some([path for path in PATHS if "[0]" not in path and "[1]" not in path], 1)
        return self.random.choice(
            [True, False, paths, m.PayloadSelectorExclude(exclude=paths),
             m.PayloadSelectorInclude(include=paths)]
        )

    def vector_selector(self):
        """All, none, or some vectors."""
        return self.random.choice([True, False, self.some(list(self.dimensions), 1)])


def ring(corners):
    """A closed ring of longitudes and latitudes."""
    points = [m.GeoPoint(lon=lon, lat=lat) for lon, lat in [*corners, corners[0]]]
    return m.GeoLineString(points=points)
