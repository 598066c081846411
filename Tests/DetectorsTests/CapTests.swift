import Base
import Detectors
import Telemetry
import Testing

@Suite struct CapTests {
  @Test func `at the cap one anomaly says so, and ends below nine tenths of it`() throws {
    var harness = Harness(wideSchema(["m"]), [limits(cap: 10)])
    var events: [Told] = []
    for device in 0..<30 { events += harness.read("d\(device)", at: 0, 11) }
    #expect(events.count == 11)
    #expect(events.last?.short == "limits - opened warning @10")
    #expect(events.last?.evidence == #"{"kind":"cap","open":10,"open_max":10}"#)
    #expect(events.last?.value == 10 && events.last?.threshold == 10)
    #expect(
      harness.detectors.openCounts == [
        OpenAnomalyCount(detector: "limits", severity: .warning, count: 11)
      ])
    #expect(harness.detectors.counts.refused == 20)

    // One closes: nine are open, which is not below nine tenths.
    #expect(harness.read("d0", at: 0, 1).map(\.short) == ["limits d0.m closed warning @30"])
    events = harness.read("d1", at: 0, 1)
    #expect(
      events.map(\.short) == [
        "limits d1.m closed warning @31", "limits - closed warning @31",
      ])
    #expect(events[1].evidence("refused")?.int64Value == 20)
    #expect(events[1].evidence("open")?.int64Value == 8)
  }

  @Test func `a refused violation asks again and is counted once`() {
    var harness = Harness(wideSchema(["m"]), [limits(cap: 1)])
    #expect(harness.read("a", at: 0, 11).count == 1)
    #expect(harness.read("b", at: 0, 11).map(\.short) == ["limits - opened warning @1"])
    for _ in 0..<5 { #expect(harness.read("b", at: 0, 11).isEmpty) }
    #expect(harness.detectors.counts.refused == 1)
    #expect(
      harness.read("a", at: 0, 1).map(\.short) == [
        "limits a.m closed warning @7", "limits - closed warning @7",
      ])
    let events = harness.read("b", at: 0, 11)
    #expect(events.map(\.short) == ["limits b.m opened warning @8"])
    #expect(events[0].evidence("violations")?.int64Value == 7)
  }

  @Test func `what is refused still when the cap is met again is counted and told again`() {
    var harness = Harness(wideSchema(["m"]), [limits(cap: 1)])
    for device in ["a", "b", "c"] { _ = harness.read(device, at: 0, 11) }
    _ = harness.read("a", at: 0, 1)
    #expect(harness.read("b", at: 0, 11).map(\.short) == ["limits b.m opened warning @4"])
    #expect(harness.read("c", at: 0, 11).map(\.short) == ["limits - opened warning @5"])
    let events = harness.read("b", at: 0, 1)
    #expect(events.last?.evidence("refused")?.int64Value == 1)
  }

  @Test func `the cap of one detector is no matter of another`() {
    var harness = Harness(
      wideSchema(["m"]), [limits("k", cap: 1), limits("l", warning: (nil, 5), cap: 2)])
    for device in ["a", "b"] { _ = harness.read(device, at: 0, 11) }
    #expect(
      harness.detectors.openCounts == [
        OpenAnomalyCount(detector: "k", severity: .warning, count: 2),
        OpenAnomalyCount(detector: "l", severity: .warning, count: 2),
      ])
  }

  @Test func `a cap that opens twice in one record has two ids`() {
    var harness = Harness(wideSchema(["m", "n"]), [limits(cap: 1)])
    let rows = [[11.0, 11], [1, 1], [11, 11]].map { TestRow(time: 0, values: $0) }
    let events = harness.apply(TestRecord(device: "a", rows: rows))
    let caps = events.filter { $0.device == nil }
    #expect(caps.map(\.state) == [.opened, .closed, .opened])
    #expect(caps[0].id == caps[1].id && caps[0].id != caps[2].id)
  }

  @Test func `silent devices and their summaries are under the cap`() {
    var harness = Harness(wideSchema(["m"]), [silence(after: 10 * minute, cap: 5)])
    for device in 0..<50 { _ = harness.hear("d\(device)", clock: hour) }
    let events = harness.hear("live", clock: 2 * hour)
    #expect(events.count == 6, "five devices and the cap")
    #expect(events.last?.evidence("kind")?.stringValue == "cap")
    // Fifteen devices on their own, thirty in the summary.
    #expect(harness.detectors.counts.refused == 45)
    var closed: [Told] = []
    for device in 0..<50 { closed += harness.hear("d\(device)", clock: 2 * hour) }
    #expect(closed.count == 6)
    #expect(harness.detectors.openCounts.isEmpty)
  }
}
