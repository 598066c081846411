import Base
import Detectors
import Telemetry
import Testing

/// How readings become buckets and when these are judged; what is said about them is the affair of
/// `SeriesJudge`.
@Suite struct BucketTests {
  private static let every = 10 * second

  /// A steady series with a little noise for `count` buckets, one reading each.
  private func settle(
    _ harness: inout Harness, count: Int = 60, devices: [String] = ["a"]
  ) -> [Told] {
    var events: [Told] = []
    for bucket in 0..<Int64(count) {
      for device in devices {
        events += harness.read(device, at: bucket * Self.every, bucket % 2 == 0 ? 1 : -1)
      }
    }
    return events
  }

  @Test func `a bucket is judged when the watermark passes its end, by its mean`() throws {
    var harness = Harness(wideSchema(["m"]), [statistical()], outOfOrderness: 5 * second)
    #expect(settle(&harness).isEmpty)
    let start = 60 * Self.every
    for (value, time) in [(40.0, 1), (60.0, 9), (2000.0, 11)] as [(Double, Int64)] {
      #expect(harness.read(at: start + time * second, value).isEmpty)
    }
    // The watermark is at 9.999 999, then at 10: the end of the bucket.
    #expect(harness.read(at: start + 15 * second - 1, 0).isEmpty)
    let events = harness.read(at: start + 15 * second, 0)
    #expect(events.map(\.state) == [.opened])
    let opened = try #require(events.first)
    #expect(opened.value == 50 && opened.eventTime == start)
    #expect(opened.metric == "m" && opened.device == "a")
    #expect(opened.evidence("kind")?.stringValue == "spike")
    #expect(opened.evidence("bucket")?.stringValue == Timestamp.text(micros: start))
  }

  @Test func `readings for a judged bucket are counted and not used`() {
    var harness = Harness(wideSchema(["m"]), [statistical()])
    _ = harness.read(at: 5 * second, 1)
    _ = harness.read(at: 10 * second, 1)
    #expect(harness.detectors.counts.bucketsJudged == 1)
    _ = harness.read(at: 9 * second, 1)
    #expect(harness.detectors.counts.lateForBuckets == 1)
    _ = harness.read(at: 20 * second, 1)
    #expect(harness.detectors.counts.bucketsJudged == 2)
  }

  @Test func `all rows of a record enter before its watermark moves`() {
    var harness = Harness(wideSchema(["m"]), [statistical()])
    let times: [Int64] = [0, 100, 30, 55, 10, 99]
    _ = harness.apply(
      TestRecord(device: "a", rows: times.map { TestRow(time: $0 * second, values: [1]) }))
    #expect(harness.detectors.counts.lateForBuckets == 0)
    #expect(harness.detectors.counts.bucketsJudged == 5, "0, 10, 30, 50, 90; that of 100 is open")
  }

  @Test func `buckets that a dump closes are judged by end, detector and metric`() {
    let definitions = [
      statistical("fine", every: 5 * second), statistical("coarse", every: 10 * second),
    ]
    var harness = Harness(wideSchema(["m", "n"]), definitions)
    _ = settle(&harness, count: 100)
    let start = 100 * Self.every
    let rows = [start + 12 * second, start + 3 * second, start + 500 * second].map {
      TestRow(time: $0, values: [9_000, 9_000])
    }
    let events = harness.apply(TestRecord(device: "a", clock: hour, rows: rows))
    #expect(
      events.map { "\($0.detector) \($0.metric ?? "") \(($0.eventTime - start) / second)" } == [
        "fine m 0", "fine n 0", "coarse m 0", "coarse n 0",
      ])
  }

  @Test func `metrics of a narrow source are judged by their names' order`() {
    var harness = Harness(narrowSchema, [statistical()])
    func record(_ time: Int64, _ value: Double) -> TestRecord {
      TestRecord(
        device: "a", clock: time,
        rows: ["z", "a", "m"].map { TestRow(time: time, values: [value], metric: $0) })
    }
    for bucket in 0..<Int64(60) {
      let events = harness.apply(record(bucket * Self.every, bucket % 2 == 0 ? 1 : -1))
      #expect(events.isEmpty)
    }
    _ = harness.apply(record(60 * Self.every, 9_000))
    let events = harness.apply(record(61 * Self.every, 1))
    #expect(events.map(\.metric) == ["a", "m", "z"])
  }

  @Test func `a metric without readings in a bucket is not judged there`() {
    var harness = Harness(wideSchema(["m", "n"]), [statistical()])
    for (time, values) in [(0, [1, nil]), (3, [nil, .nan]), (10, [1, 2])] as [(Int64, [Double?])] {
      _ = harness.apply(
        TestRecord(device: "a", rows: [TestRow(time: time * second, values: values)]))
    }
    #expect(harness.detectors.counts.bucketsJudged == 1)
    _ = harness.read(at: 20 * second, 1)
    #expect(harness.detectors.counts.bucketsJudged == 3)
  }

  @Test func `sums beyond the range of doubles are not judged`() {
    var harness = Harness(wideSchema(["m"]), [statistical()])
    for time in [1, 2, 11] as [Int64] {
      _ = harness.read(at: time * second, .greatestFiniteMagnitude)
    }
    #expect(harness.detectors.counts.bucketsJudged == 0)
  }

  @Test func `each device has a watermark of its own`() {
    var harness = Harness(wideSchema(["m"]), [statistical()])
    _ = harness.read("early", at: hour, 1)
    _ = harness.read("late", at: 0, 1)
    _ = harness.read("late", at: 10 * second, 1)
    #expect(harness.detectors.counts.lateForBuckets == 0)
    #expect(harness.detectors.counts.bucketsJudged == 1)
  }

  @Test func `more buckets than the bound are judged early, oldest first, and each once`() {
    var harness = Harness(wideSchema(["m"]), [statistical()], outOfOrderness: 30 * day)
    let rows = (0..<1_500).map { TestRow(time: Int64($0) * Self.every, values: [1]) }
    _ = harness.apply(TestRecord(device: "a", rows: rows))
    #expect(harness.detectors.counts.bucketsClosedEarly == 1_500 - 1_024)
    #expect(harness.detectors.counts.bucketsJudged == 1_500 - 1_024)
    // One that was judged, and one older than all that are open.
    _ = harness.read(at: 0, 1)
    _ = harness.read(at: -Self.every, 1)
    #expect(harness.detectors.counts.lateForBuckets == 2)
    #expect(harness.detectors.counts.bucketsClosedEarly == 1_500 - 1_024)
  }

  @Test func `an opening that the cap refuses may be asked for again`() {
    var harness = Harness(wideSchema(["m"]), [statistical(cap: 1)])
    #expect(settle(&harness, devices: ["a", "b"]).isEmpty)
    var events: [Told] = []
    for bucket in 60..<Int64(64) {
      for device in ["a", "b"] {
        events += harness.read(device, at: bucket * Self.every, 9_000 * Double(bucket - 58))
      }
    }
    #expect(events.first?.short == "spike a.m opened warning @122"
      || events.first?.short == "spike a.m opened critical @122")
    #expect(events.filter { $0.device == "b" }.isEmpty)
    #expect(events.count { $0.evidence("kind")?.stringValue == "cap" } == 1)
    #expect(harness.detectors.counts.refused >= 1)
  }
}
