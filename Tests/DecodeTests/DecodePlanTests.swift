import Telemetry
import Testing

@testable import Decode

@Suite struct DecodePlanTests {
  private func faults(_ mapping: MessageMapping, _ catalogue: MessageCatalogue = .builtIn)
    -> [DecodePlanFault]
  {
    do {
      _ = try DecodePlan(mapping, catalogue: catalogue)
      return []
    } catch {
      return error.faults
    }
  }

  @Test func `all metrics are the numbers nothing else uses`() throws {
    let plan = try DecodePlan(Fixture.snapshots)
    #expect(plan.schema.metrics.map(\.name) == DeviceTelemetryMessage.metricNames)
    #expect(plan.schema.attributes == ["region", "firmware"])
    #expect(plan.schema.hasSequence && !plan.schema.isNarrow)
    let probe = try DecodePlan(Probe.mapping, catalogue: Probe.catalogue).schema.metrics
    #expect(
      probe.map(\.name) == [
        "place_altitude_km", "place_orbit", "place_gain", "temperature", "counter", "is_ok",
        "small", "fixed", "plain", "wide", "word", "other_altitude_km", "other_orbit",
        "other_gain", "level",
      ])
    #expect(
      probe.map(\.type) == [
        .double, .int32, .double, .float, .int64, .boolean, .int64, .int32, .int32, .int64, .int64,
        .double, .int32, .double, .double,
      ])
  }

  @Test func `listed metrics keep their order, names and units`() throws {
    var mapping = Fixture.snapshots
    mapping.metrics = .list([
      .init(field: "bus_power_w"),
      .init(field: "battery_voltage_v", name: "volts", unit: "V"),
    ])
    let plan = try DecodePlan(mapping)
    #expect(
      plan.schema.metrics == [
        MetricColumn(name: "bus_power_w", type: .double),
        MetricColumn(name: "volts", type: .double, unit: "V"),
      ])
  }

  @Test func `every fault of a mapping is reported at once`() throws {
    var mapping = Fixture.snapshots
    mapping.device = .field("device")
    mapping.time.field = "region"
    mapping.sequence = "firmware"
    mapping.attributes = [.init(field: "sequence"), .init(field: "regoin")]
    mapping.metrics = .list([
      .init(field: "battery_voltage"), .init(field: "region.name"),
      .init(field: "bus_power_w", name: "Device_ID"),
    ])
    let faults = faults(mapping)
    #expect(
      faults.map(\.key) == [
        "device", "time.field", "sequence", "attributes[0]", "attributes[0]", "attributes[1]",
        "metrics[0]", "metrics[1]", "metrics[2]",
      ])
    #expect(faults[5].suggestion == "did you mean region?")
    #expect(faults[6].suggestion == "did you mean battery_voltage_v?")
    #expect(faults.allSatisfy { $0.description.hasPrefix($0.key) })
  }

  @Test func `an unknown message type suggests the nearest`() {
    var mapping = Fixture.snapshots
    mapping.messageName = "fleet.telemetry.v1.DeviceTelemetri"
    #expect(
      faults(mapping).map(\.suggestion)
        == ["did you mean fleet.telemetry.v1.DeviceTelemetry?"])
  }

  @Test func `what must be read from the message is refused inside rows`() {
    var mapping = Fixture.samples
    mapping.device = .field("samples.metric")
    mapping.sequence = "samples.time_unix_us"
    mapping.attributes = [.init(field: "samples.metric", name: "kind")]
    let faults = faults(mapping)
    #expect(faults.map(\.key) == ["device", "sequence", "attributes[0]"])
    #expect(faults.allSatisfy { $0.problem.contains("not from inside rows") })
  }

  @Test func `rows must be a repeated message, and metrics of rows lie in them`() {
    var mapping = Fixture.samples
    mapping.rows = "region"
    #expect(faults(mapping).first?.key == "rows")
    mapping = Fixture.samples
    mapping.rows = nil
    #expect(faults(mapping).map(\.key).contains("metric"))
    #expect(faults(mapping).map(\.key).contains("time.field"), "samples is repeated")
    mapping = Fixture.samples
    mapping.narrowMetric = .init(nameField: "region", valueField: "sequence")
    #expect(faults(mapping).map(\.key) == ["metric.name", "metric.value"])
    mapping = Fixture.samples
    mapping.narrowMetric = nil
    mapping.metrics = .list([.init(field: "sequence", name: "number")])
    #expect(faults(mapping).map(\.key) == ["metrics[0]"])
  }

  @Test func `wide rows take every number of the element`() throws {
    var mapping = Fixture.samples
    mapping.narrowMetric = nil
    // "value" is a column of narrow sources, so it needs another name.
    #expect(faults(mapping).map(\.key) == ["metrics (all, value)"])
    mapping.metrics = .list([.init(field: "samples.value", name: "reading")])
    #expect(try DecodePlan(mapping).schema.metrics.map(\.name) == ["reading"])
  }

  @Test(arguments: [
    "device_id", "event_time", "sequence", "flags", "kafka_topic", "topic_incarnation",
    "kafka_partition", "kafka_offset", "kafka_timestamp", "row_index", "event_date", "metric",
    "value", "VALUE", "a.b", "", "bär", "solar_power_w", "Region",
  ])
  func `a column name that clashes or is none is refused`(name: String) {
    var mapping = Fixture.snapshots
    mapping.metrics = .list([
      .init(field: "solar_power_w"), .init(field: "bus_power_w", name: name),
    ])
    #expect(faults(mapping).map(\.key) == ["metrics[1]"])
  }

  @Test func `attributes also stand in windows and anomalies, whose columns they may not take`() {
    var mapping = Fixture.snapshots
    mapping.attributes = [.init(field: "region", name: "state")]
    #expect(faults(mapping).map(\.key) == ["attributes[0]"])
  }

  @Test func `repeated fields and paths through scalars lead nowhere`() {
    var mapping = Probe.mapping
    mapping.metrics = .list([
      .init(field: "history"), .init(field: "temperature.value"), .init(field: "place"),
      .init(field: "parent.place.altitude_km"),
    ])
    #expect(
      faults(mapping, Probe.catalogue).map(\.key)
        == ["metrics[0]", "metrics[1]", "metrics[2]"])
  }

  @Test func `spelling distance counts changed letters`() {
    #expect(Spelling.distance("region", "regoin") == 2)
    #expect(Spelling.distance("", "abc") == 3)
    #expect(Spelling.distance("Region", "region") == 0)
    #expect(Spelling.suggestion(for: "qqqqqq", among: ["region"]) == nil)
  }
}
