import Metrics
import Testing

@Suite struct OpenMetricsTests {
  @Test func `the text is as the format says, byte for byte`() {
    var histogram = Histogram(bounds: [0.25, 1, 1e30])
    histogram.observe(0.25, times: 2)
    histogram.observe(7)
    var exposition = Exposition(.openMetrics)
    exposition.begin(
      MetricDefinition(
        "dead_letters_total", .counter, .count, labels: ["reason"],
        help: #"Rows, "by" reason; a\b."#))
    exposition.add(["b\"\\\n"], 12 as Int64)
    exposition.begin(
      MetricDefinition("process_cpu_seconds_total", .counter, .seconds, help: "Time."))
    exposition.add([], 1.5)
    exposition.begin(MetricDefinition("memory_bytes", .gauge, .bytes, help: "Memory."))
    exposition.add([], Double.nan)
    exposition.begin(
      MetricDefinition("build_info", .info, .flag, labels: ["version"], help: "Says what runs."))
    exposition.add(["1.0"], true)
    exposition.begin(
      MetricDefinition("latency_seconds", .histogram, .seconds, help: "How long."))
    exposition.add([], histogram)
    exposition.end()
    #expect(
      exposition.text == #"""
        # HELP dead_letters Rows, \"by\" reason; a\\b.
        # TYPE dead_letters counter
        dead_letters_total{reason="b\"\\\n"} 12
        # HELP process_cpu_seconds Time.
        # TYPE process_cpu_seconds counter
        # UNIT process_cpu_seconds seconds
        process_cpu_seconds_total 1.5
        # HELP memory_bytes Memory.
        # TYPE memory_bytes gauge
        # UNIT memory_bytes bytes
        memory_bytes NaN
        # HELP build Says what runs.
        # TYPE build info
        build_info{version="1.0"} 1
        # HELP latency_seconds How long.
        # TYPE latency_seconds histogram
        # UNIT latency_seconds seconds
        latency_seconds_bucket{le="0.25"} 2
        latency_seconds_bucket{le="1.0"} 2
        latency_seconds_bucket{le="1e+30"} 3
        latency_seconds_bucket{le="+Inf"} 3
        latency_seconds_sum 7.5
        latency_seconds_count 3
        # EOF

        """#)
  }

  @Test func `an info is a gauge in the older format`() {
    var exposition = Exposition(.prometheus)
    exposition.begin(MetricDefinition("build_info", .info, .flag, help: "Says what runs."))
    exposition.add([], true)
    exposition.end()
    #expect(
      exposition.text == """
        # HELP build_info Says what runs.
        # TYPE build_info gauge
        build_info 1

        """)
  }

  @Test func `names that are samples of another are refused`() async {
    await #expect(processExitsWith: .failure) {
      _ = MetricDefinition("batch_count", .gauge, .count, help: "Batches.")
    }
    await #expect(processExitsWith: .failure) {
      _ = MetricDefinition("build_info", .gauge, .flag, help: "Says what runs.")
    }
  }

  @Test(arguments: [
    ([], Exposition.Format.prometheus),
    ([""], .prometheus),
    (["*/*"], .prometheus),
    (["text/html,application/xhtml+xml,*/*;q=0.8"], .prometheus),
    (["application/openmetrics-text"], .openMetrics),
    (["Application/OpenMetrics-Text ; Version=\"1.0.0\" ; charset=utf-8"], .openMetrics),
    // What Prometheus 2.42 sends, and 3.0.
    (
      [
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
          + "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
      ], .openMetrics
    ),
    (
      [
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
          + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
          + "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
      ], .openMetrics
    ),
    (["text/plain", "application/openmetrics-text"], .openMetrics),
    (["text/plain;q=0.9, application/openmetrics-text;q=0.8"], .prometheus),
    (["application/openmetrics-text;q=0.1, */*"], .prometheus),
    (["application/openmetrics-text;q=0"], .prometheus),
    (["application/openmetrics-text;q=x"], .prometheus),
    (["application/openmetrics-text;q=7"], .prometheus),
    (["application/openmetrics-text;version=0.0.1"], .prometheus),
    (["application/openmetrics-text;version=2.0.0"], .prometheus),
    (["application/openmetrics-text-2"], .prometheus),
    (["application/json"], .prometheus),
    ([";;;,,,=;q=,"], .prometheus),
  ])
  func `the client says what it takes`(accept: [String], format: Exposition.Format) {
    #expect(Exposition.Format(accept: accept) == format, "\(accept)")
  }

  @Test func `content types are exact`() {
    #expect(
      Exposition.Format.openMetrics.contentType
        == "application/openmetrics-text; version=1.0.0; charset=utf-8")
    #expect(
      Exposition.Format.prometheus.contentType == "text/plain; version=0.0.4; charset=utf-8")
  }
}
