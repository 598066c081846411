import Base
import Metrics
import Testing

@Suite struct ExpositionTests {
  private let dead = MetricDefinition(
    "dead_letters_total", .counter, .count, labels: ["topic", "reason"],
    help: #"Rows that could not be read, "by" reason; a\b."#)
  private let lag = MetricDefinition("lag_seconds", .gauge, .seconds, help: "Behind.")
  private let latency = MetricDefinition(
    "latency_seconds", .histogram, .seconds, labels: ["kind"], help: "How long.")

  @Test func `the text is as the format says, byte for byte`() {
    var histogram = Histogram(bounds: [0.25, 1, 2.5])
    histogram.observe(0.25, times: 2)
    histogram.observe(2)
    histogram.observe(7)
    var exposition = Exposition()
    exposition.begin(dead)
    exposition.add(["a", "truncated"], 12 as Int64)
    exposition.add(["b\"\\\n", "Zürich"], Int64.max)
    exposition.begin(lag)
    exposition.add([], 1.5)
    exposition.begin(latency)
    exposition.add(["x"], histogram)
    #expect(
      exposition.text == #"""
        # HELP dead_letters_total Rows that could not be read, "by" reason; a\\b.
        # TYPE dead_letters_total counter
        dead_letters_total{topic="a",reason="truncated"} 12
        dead_letters_total{topic="b\"\\\n",reason="Zürich"} 9223372036854775807
        # HELP lag_seconds Behind.
        # TYPE lag_seconds gauge
        lag_seconds 1.5
        # HELP latency_seconds How long.
        # TYPE latency_seconds histogram
        latency_seconds_bucket{kind="x",le="0.25"} 2
        latency_seconds_bucket{kind="x",le="1.0"} 2
        latency_seconds_bucket{kind="x",le="2.5"} 3
        latency_seconds_bucket{kind="x",le="+Inf"} 4
        latency_seconds_sum{kind="x"} 9.5
        latency_seconds_count{kind="x"} 4

        """#)
  }

  @Test func `a histogram without labels has le alone`() {
    let plain = MetricDefinition("plain_bytes", .histogram, .bytes, help: "Sizes.")
    var exposition = Exposition()
    exposition.begin(plain)
    exposition.add([], Histogram(bounds: [1]))
    #expect(
      exposition.text.hasSuffix(
        """
        plain_bytes_bucket{le="1.0"} 0
        plain_bytes_bucket{le="+Inf"} 0
        plain_bytes_sum 0
        plain_bytes_count 0

        """))
  }

  @Test func `a family without samples keeps its help and type`() {
    var exposition = Exposition()
    exposition.begin(lag)
    #expect(exposition.text == "# HELP lag_seconds Behind.\n# TYPE lag_seconds gauge\n")
  }

  @Test(arguments: [
    (0, "0"), (-0.0, "0"), (5, "5"), (-3, "-3"), (0.1, "0.1"), (1e-7, "1e-07"),
    (9_007_199_254_740_991, "9007199254740991"), (1e300, "1e+300"), (.nan, "NaN"),
    (.infinity, "+Inf"), (-.infinity, "-Inf"), (1.0 / 3, "0.3333333333333333"),
  ] as [(Double, String)]) func `numbers`(_ value: Double, _ text: String) {
    #expect(Exposition.text(value) == text)
  }

  @Test func `every finite number reads back as itself`() {
    var random = SplitMix64(seed: 1)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      if value.isFinite { #expect(Double(Exposition.text(value)) == value, "\(value.bitPattern)") }
    }
  }

  @Test func `true and false are 1 and 0`() {
    var exposition = Exposition()
    exposition.begin(MetricDefinition("up", .gauge, .flag, labels: ["broker"], help: "Up."))
    exposition.add(["a"], true)
    exposition.add(["b"], false)
    #expect(exposition.text.hasSuffix("up{broker=\"a\"} 1\nup{broker=\"b\"} 0\n"))
  }

  // MARK: - Our own mistakes stop the program

  @Test func `a family is begun once`() async {
    await #expect(processExitsWith: .failure) {
      var exposition = Exposition()
      let definition = MetricDefinition("up", .gauge, .flag, help: "Up.")
      exposition.begin(definition)
      exposition.begin(definition)
    }
  }

  @Test func `a sample has as many values as its family has labels`() async {
    await #expect(processExitsWith: .failure) {
      var exposition = Exposition()
      exposition.begin(MetricDefinition("up", .gauge, .flag, labels: ["a"], help: "Up."))
      exposition.add([], true)
    }
  }

  @Test func `a counter ends in total`() async {
    await #expect(processExitsWith: .failure) {
      _ = MetricDefinition("things", .counter, .count, help: "Things.")
    }
  }

  @Test func `a gauge does not end in total`() async {
    await #expect(processExitsWith: .failure) {
      _ = MetricDefinition("things_total", .gauge, .count, help: "Things.")
    }
  }

  @Test func `seconds are said in the name`() async {
    await #expect(processExitsWith: .failure) {
      _ = MetricDefinition("latency", .gauge, .seconds, help: "How long.")
    }
  }

  @Test func `a name is of lower case letters, digits and underscores`() async {
    await #expect(processExitsWith: .failure) {
      _ = MetricDefinition("1up", .gauge, .flag, help: "Up.")
    }
    await #expect(processExitsWith: .failure) {
      _ = MetricDefinition("up", .gauge, .flag, labels: ["the-label"], help: "Up.")
    }
  }
}
