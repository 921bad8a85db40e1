"""Random JSONata expressions over one document, the same for the same seed.
Every form of the language and every function occurs, with operands that fit
more often than not."""
import random

DATA = {
    "n": 7, "z": 0, "neg": -3.5, "big": 9007199254740991, "s": "Hello World", "e": "", "u": "naïve 😀 text",
    "t": True, "f": False, "nul": None, "date": "2018-03-23T10:33:36.617Z", "ms": 1521801216617,
    "nums": [3, 1, 4, 1, 5, 9, 2, 6], "words": ["pear", "apple", "fig", "apple"], "mixed": [1, "a", None, True, [2, 3], {"k": 1}],
    "empty": [], "eo": {}, "one": [42], "nest": [[1, 2], [3, [4, 5]], []],
    "o": {"a": 1, "b": {"c": "x", "d": [10, 20, 30]}, "key with space": 5},
    "order": [
        {"id": "A1", "qty": 2, "price": 10.5, "tags": ["x", "y"], "who": {"name": "Ann", "age": 31}},
        {"id": "B2", "qty": 1, "price": 99, "tags": [], "who": {"name": "Bob"}},
        {"id": "A1", "qty": 5, "price": 0.1, "tags": ["y"], "who": {"name": "Cy", "age": 17}},
        {"id": "C3", "qty": 0, "price": 7, "lines": [{"sku": "s1", "n": 1}, {"sku": "s2", "n": 3}]},
    ],
}

NUMBERS = ["0", "1", "2", "-1", "3", "7", "10", "0.5", "2.5", "-2.5", "1e3", "100", "255", "1234.5678", "1e21", "0.1",
           "n", "neg", "z", "order[0].qty", "$count(nums)", "nums[0]", "ms", "1.005", "12345678", "1e-7", "0.000001"]
STRINGS = ['"abc"', '"Hello World"', '""', '"a,b,c"', '"  pad  "', '"x1y22z333"', '"12"', '"0x1F"', '"-3.5e2"', "s", "e",
           "u", "words[1]", "order[1].who.name", '"aaa"', '"éß"', '"line\\nbreak"', '"a.b.c"', '"%20"', '"$1"', '"true"']
BOOLEANS = ["true", "false", "t", "f", "n > 3", "s = \"x\"", "$exists(q)"]
ARRAYS = ["nums", "words", "mixed", "[]", "[1]", "[1,2,3]", "[1..5]", "nest", "order.price", "order.id", "one", "empty",
          "order", "order.tags", "[\"b\",\"a\"]", "[true,false]", "[3,1,2]", "[[1,2],[3]]", "order.who.age"]
OBJECTS = ["o", "order[0]", "{}", '{"a":1,"b":2}', "o.b", "eo", "order[3].lines[0]", '{"x":[1,2]}']
PATHS = ["order", "order.id", "order.who.name", "order[qty>1].id", "order[0]", "order[-1]", "o.*", "order.tags", "**.sku",
         "o.b.d[1]", "order[who.age > 18]", "order.lines.sku", "nums[$ > 3]", "order[[0..1]].id", "o.`key with space`",
         "q", "q.r", "o.a.q", "nest[0][1]", "(order)[1]", "order.(price * qty)", "*", "order.%.n", "order.who.%.id",
         "order[0].**", "$", "$$.n", "order@$x.tags.{\"i\":$x.id,\"t\":$}", "order#$i.{\"i\":$i,\"id\":id}",
         "order#$i[$i=1].id", "order@$x#$j[$j<2].($x.id & $j)", "nest.*", "order.lines.(sku & %.id)", "words#$i[$i>0]"]
REGEXES = ["/a/", "/[a-z]+/", "/l+/i", "/(\\d)(\\d)?/", "/^H/", "/o W/", "/x|y/", "/\\s+/", "/(?:b)(c)/", "/b*/", "/[^,]+/",
           "/\\w+$/m", "/(a)(b)?(c)/", "/./"]
PICTURES = ["#,##0.00", "0.0##", "#0", "00.00%", "#,##,##0", "0.###e0", "0‰", "#.#", "(0)", "#,##0.00;(#,##0.00)", "999",
            "0.00e00", "#,#0.0", "[0]", "-0", "0,0.0,0", ",0", "0.0.0", "e0", "#e0", "''", "##0.0##e0"]
INT_PICTURES = ["w", "W", "Ww", "i", "I", "a", "A", "0", "000", "#,##0", "1;o", "w;o", "Ww;o", "#,#00", "١", "z", "0001;o",
                "#'##0", "*", "Α"]
DATE_PICTURES = ["[Y0001]-[M01]-[D01]", "[D1o] [MNn] [Y]", "[FNn], [D] [MN,*-3] [YI]", "[H01]:[m01]:[s01].[f001][Z]",
                 "[h]:[m] [P]", "[W01] [w]", "[dwo] day", "[X0001]-W[W01]-[F1]", "[Y,2-2]", "[Yw]", "[M01]/[D01]/[Y,2]",
                 "[z]", "[Z0]", "[Z01:01t]", "[[x]]", "[Y][d001]", "[H1]h", "[E] [C]", "[PN]", "[Da]", "[x]", "[FNn,3-3]",
                 "[MI]", "[m]", "[Y9,999]", "[f]", "[f,3-3]", "[H#1]", "[h#1][Pn]"]
ZONES = ['"+0000"', '"-0500"', '"+0530"', '"0200"']
BINARY = ["+", "-", "*", "/", "%", "&", "=", "!=", "<", "<=", ">", ">=", "and", "or", "in"]


class Expressions:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self):
        return self.any(self.random.choice((1, 2, 2, 3)))

    def pick(self, *choices):
        return self.random.choice(choices)(self)

    def any(self, depth):
        kind = self.random.choice((self.number, self.string, self.boolean, self.array, self.object, self.path, self.array,
                                   self.construct))
        return kind(depth)

    def mostly(self, kind, depth):
        """An operand of the kind, now and then of another one."""
        if self.random.random() < 0.07:
            return self.any(depth)
        return kind(depth)

    def number(self, depth):
        r = self.random
        if depth <= 0 or r.random() < 0.2:
            return r.choice(NUMBERS)
        n = lambda: self.mostly(self.number, depth - 1)
        a = lambda: self.mostly(self.array, depth - 1)
        s = lambda: self.mostly(self.string, depth - 1)
        return r.choice((
            lambda: "(%s %s %s)" % (n(), r.choice("+-*/%"), n()),
            lambda: "%s(%s)" % (r.choice(("$abs", "$floor", "$ceil", "$sqrt", "$number", "$round")), n()),
            lambda: "$round(%s, %s)" % (n(), r.choice(("0", "1", "2", "-1", "-2"))),
            lambda: "$power(%s, %s)" % (n(), r.choice(("2", "0", "-1", "0.5", "3"))),
            lambda: "%s(%s)" % (r.choice(("$sum", "$max", "$min", "$average", "$count")), a()),
            lambda: "$length(%s)" % s(), lambda: "$number(%s)" % s(),
            lambda: "$toMillis(%s)" % r.choice(("date", '"2020-02-29"', '"2021-06-01T10:00:00+02:00"', '"1970"', s())),
            lambda: '$toMillis(%s, "%s")' % (r.choice(('"2020-02-29"', '"12/31/2019"', '"5th March 2001"', '"10:30 pm"',
                                                        '"2018-W03-2"', '"2020"', s())), r.choice(DATE_PICTURES)),
            lambda: '$parseInteger(%s, "%s")' % (r.choice(('"twelve"', '"XIV"', '"1,234"', '"12th"', '"b"', '"one hundred and five"',
                                                            '"twenty-first"', '"007"', s())), r.choice(INT_PICTURES)),
            lambda: "-%s" % n(), lambda: "$reduce(%s, function($a, $b) {$a + $b}%s)" % (a(), r.choice(("", ", 10"))),
            lambda: "(%s ? %s : %s)" % (self.boolean(depth - 1), n(), n()),
        ))()

    def string(self, depth):
        r = self.random
        if depth <= 0 or r.random() < 0.2:
            return r.choice(STRINGS)
        n = lambda: self.mostly(self.number, depth - 1)
        s = lambda: self.mostly(self.string, depth - 1)
        a = lambda: self.mostly(self.array, depth - 1)
        rx = lambda: r.choice(REGEXES)
        return r.choice((
            lambda: "(%s & %s)" % (self.any(depth - 1), s()),
            lambda: "%s(%s)" % (r.choice(("$uppercase", "$lowercase", "$trim", "$string", "$base64encode", "$encodeUrl",
                                          "$encodeUrlComponent", "$decodeUrl", "$decodeUrlComponent")), s()),
            lambda: "$base64decode($base64encode(%s))" % r.choice(STRINGS[:4]),
            lambda: "$string(%s%s)" % (self.any(depth - 1), r.choice(("", ", true"))),
            lambda: "$substring(%s, %s%s)" % (s(), n(), r.choice(("", ", " + n()))),
            lambda: "%s(%s, %s)" % (r.choice(("$substringBefore", "$substringAfter")), s(), s()),
            lambda: "$pad(%s, %s%s)" % (s(), r.choice(("5", "-12", "0", "15", "-20", "2.5")), r.choice(("", ', "#"', ', "ab"', ', ""'))),
            lambda: "$join(%s%s)" % (r.choice(("words", "order.id", '["a","b"]', a())), r.choice(("", ', "-"', ", " + s()))),
            lambda: "$replace(%s, %s, %s%s)" % (s(), r.choice((rx(), s())), r.choice(('"<$0>"', '"$1-$2"', '"$$"', '""', '"$"', s(),
                                                'function($m) {$uppercase($m.match)}')), r.choice(("", ", 1", ", 0", ", 2"))),
            lambda: '$formatNumber(%s, "%s")' % (n(), r.choice(PICTURES)),
            lambda: "$formatBase(%s%s)" % (n(), r.choice(("", ", 2", ", 16", ", 36", ", 10"))),
            lambda: '$formatInteger(%s, "%s")' % (n(), r.choice(INT_PICTURES)),
            lambda: '$fromMillis(%s%s)' % (r.choice(("ms", "0", "-1", "1e12", "951782400000", "253402300799999", n())),
                                           r.choice(("", ', "%s"' % r.choice(DATE_PICTURES),
                                                     ', "%s", %s' % (r.choice(DATE_PICTURES), r.choice(ZONES))))),
            lambda: "$type(%s)" % self.any(depth - 1),
        ))()

    def boolean(self, depth):
        r = self.random
        if depth <= 0 or r.random() < 0.2:
            return r.choice(BOOLEANS)
        x = lambda: self.any(depth - 1)
        return r.choice((
            lambda: "(%s %s %s)" % (self.number(depth - 1), r.choice(("<", "<=", ">", ">=", "=", "!=")), self.mostly(self.number, depth - 1)),
            lambda: "(%s %s %s)" % (self.string(depth - 1), r.choice(("<", "<=", ">", ">=", "=", "!=")), self.mostly(self.string, depth - 1)),
            lambda: "(%s %s %s)" % (x(), r.choice(BINARY[6:]), x()),
            lambda: "$not(%s)" % x(), lambda: "$boolean(%s)" % x(), lambda: "$exists(%s)" % x(),
            lambda: "$contains(%s, %s)" % (self.mostly(self.string, depth - 1), r.choice((r.choice(REGEXES), self.string(0)))),
            lambda: "(%s in %s)" % (x(), self.array(depth - 1)),
            lambda: "(%s = %s)" % (self.array(0), self.array(0)),
        ))()

    def lambda_of(self, depth):
        r = self.random
        return r.choice(("function($v) {$v}", "function($v, $i) {$i}", "function($v, $i, $a) {$count($a) & $i}", "$string",
                         "$uppercase", "function($v) {$v > 1}", "function($v) {$type($v)}", "$boolean", "$number", "$sum",
                         "function($v) {[$v, $v]}", "λ($x) {$x = \"apple\"}",
                         "function($v)<n:n> {$v + 1}", "function($v)<s:s> {$v & 1}", "$length", "$exists"))

    def array(self, depth):
        r = self.random
        if depth <= 0 or r.random() < 0.2:
            return r.choice(ARRAYS)
        a = lambda: self.mostly(self.array, depth - 1)
        n = lambda: self.mostly(self.number, depth - 1)
        return r.choice((
            lambda: "[%s, %s]" % (self.any(depth - 1), self.any(depth - 1)),
            lambda: "[%s..%s]" % (r.choice(("0", "1", "-2", "5", n())), r.choice(("3", "0", "6", "$count(nums)"))),
            lambda: "$append(%s, %s)" % (a(), a()), lambda: "$reverse(%s)" % a(), lambda: "$distinct(%s)" % a(),
            lambda: "$sort(%s%s)" % (r.choice(("nums", "words", a())), r.choice(("", ", function($l, $r) {$l < $r}", ", function($l, $r) {$string($l) > $string($r)}"))),
            lambda: "$zip(%s, %s%s)" % (a(), a(), r.choice(("", ", " + a()))),
            lambda: "$map(%s, %s)" % (a(), self.lambda_of(depth)), lambda: "$filter(%s, %s)" % (a(), self.lambda_of(depth)),
            lambda: "$single(%s, %s)" % (a(), self.lambda_of(depth)),
            lambda: "$split(%s, %s%s)" % (self.mostly(self.string, depth - 1), r.choice(('","', '""', '" "', r.choice(REGEXES))), r.choice(("", ", 2", ", 0", ", 1.5"))),
            lambda: "$match(%s, %s%s)" % (self.mostly(self.string, depth - 1), r.choice(REGEXES), r.choice(("", ", 1", ", 2"))),
            lambda: "$keys(%s)" % self.mostly(self.object, depth - 1), lambda: "$spread(%s)" % self.mostly(self.object, depth - 1),
            lambda: "$lookup(%s, %s)" % (self.mostly(self.object, depth - 1), r.choice(('"a"', '"b"', '"id"', '"q"', self.string(0)))),
            lambda: "$each(%s, function($v, $k) {%s})" % (self.mostly(self.object, depth - 1), r.choice(("$k", "$v", "$k & $string($v)", "{$k: $v}"))),
            lambda: "%s^(%s)" % (r.choice(("order", "order.who", "nums", "words", a())), r.choice(("price", ">price", "<id, >qty", "$", ">$", "who.name", "qty, >id", "age"))),
            lambda: "%s[%s]" % (a(), r.choice((n(), self.boolean(depth - 1), "0", "-1", "[0,2]", "$ != 1"))),
            lambda: "%s.%s" % (a(), self.any(depth - 1)), lambda: "%s[]" % self.path(0),
            lambda: "%s.%s[]" % (self.path(0), self.path(0)),
            lambda: "(%s ~> %s)" % (a(), r.choice(("$sum", "$count", "$reverse", "$map($string)", "$join", "$filter(function($v) {$v != 1})", "$sort ~> $reverse", "$distinct"))),
        ))()

    def object(self, depth):
        r = self.random
        if depth <= 0 or r.random() < 0.2:
            return r.choice(OBJECTS)
        o = lambda: self.mostly(self.object, depth - 1)
        return r.choice((
            lambda: '{"a": %s, "b": %s}' % (self.any(depth - 1), self.any(depth - 1)),
            lambda: "{%s: %s}" % (self.mostly(self.string, depth - 1), self.any(depth - 1)),
            lambda: "%s{%s: %s}" % (r.choice(("order", "nums", "words", self.path(0))), r.choice(("id", "$string($)", "$type($)", "who.name", "$")),
                                    r.choice(("$", "qty", "$sum(price)", "$count($)", "[$]", "%.n"))),
            lambda: "$merge(%s)" % r.choice(("[%s, %s]" % (o(), o()), "order.{id: qty}", "order.who", o())),
            lambda: "$sift(%s, function($v, $k) {%s})" % (o(), r.choice(("$v > 1", "$k = \"a\"", "$type($v) = \"object\"", "true"))),
            lambda: "(%s ~> |%s|{%s}%s|)" % (r.choice(("o", "$", "order", o())), r.choice(("b", "order", "$", "*", "who", "**[a]")),
                                             r.choice(('"new": 1', '"a": a & "!"', "", '"id": "x"')), r.choice(("", ', "a"', ', ["b", "id"]', ", []"))),
            lambda: "$spread(%s)" % o(),
        ))()

    def path(self, depth):
        r = self.random
        if depth <= 0 or r.random() < 0.5:
            return r.choice(PATHS)
        return r.choice((
            lambda: "%s.%s" % (self.path(depth - 1), r.choice(("id", "qty", "who", "name", "tags", "$", "*", "**", "%", "`x`", "(qty > 1)", "{\"a\": $}", "[id, qty]"))),
            lambda: "%s[%s]" % (self.path(depth - 1), r.choice(("0", "-1", "1", "$ > 1", "qty", "qty > 1", "id = \"A1\"", "[0..1]", "tags", "$exists(who.age)"))),
            lambda: "(%s)[0]" % self.path(depth - 1),
        ))()

    def construct(self, depth):
        r = self.random
        x = lambda: self.any(depth - 1)
        return r.choice((
            lambda: "($v := %s; %s)" % (x(), r.choice(("$v", "[$v, $v]", "$type($v)", "$count($v)"))),
            lambda: "(%s; %s)" % (x(), x()), lambda: "(%s ? %s)" % (self.boolean(depth - 1), x()),
            lambda: "(%s ? %s : %s)" % (x(), x(), x()),
            lambda: "($f := function($a, $b) {[$a, $b]}; $f(%s, %s))" % (x(), x()),
            lambda: "($f := %s; $f(%s))" % (self.lambda_of(depth), x()),
            lambda: "($f := $string ~> $length; $f(%s))" % x(),
            lambda: "(function($x) {$x %s %s})(%s)" % (r.choice(BINARY), self.number(0), x()),
            lambda: "($fac := function($n) {$n <= 1 ? 1 : $n * $fac($n - 1)}; $fac(%s))" % r.choice(("5", "1", "0", "20")),
            lambda: "(%s %s %s)" % (x(), r.choice(BINARY), x()),
            lambda: "$b1 %s %s" % (r.choice(BINARY), x()),
            lambda: "%s ~> %s" % (x(), r.choice(("$string", "$count", "$type", "$keys", "function($v) {$v}"))),
            lambda: "$error(%s)" % r.choice(('"no"', "n", x())), lambda: "$assert(%s, \"x\")" % self.boolean(depth - 1),
        ))()
