import Base
import Decode
import Detectors
import Ledger
import Telemetry
import Windows

/// How much a partition's output holds: where the rows begin that come next.
struct OutputMark {
  var rows = 0
  var records = 0
  var firings = 0
  var anomalies = 0

  init(_ output: PartitionOutput) {
    rows = output.readings.rowCount
    records = output.readings.recordCount
    firings = output.firings.rowCount
    anomalies = output.anomalies.count
  }
}

/// The rows of a partition since a mark, to be looked at by taps.
///
/// Rows are written as objects with the names of the tables' columns; what is null is left out.
struct TapSpan {
  let partition: LanePartition
  /// Where its rows begin; an output that a replay has emptied holds nothing new.
  let mark: OutputMark

  private var output: PartitionOutput { partition.output }
  private var schema: ReadingSchema { partition.source.plan.schema }

  func write(to lines: inout TapLines, _ filter: TapFilter) {
    if let source = filter.source, !source.matches(schema.source) { return }
    switch filter.stream {
    case .readings: writeReadings(to: &lines, filter)
    case .windows: writeWindows(to: &lines, filter)
    case .anomalies: writeAnomalies(to: &lines, filter)
    }
  }

  // MARK: - Readings

  private func writeReadings(to lines: inout TapLines, _ filter: TapFilter) {
    if filter.detector != nil || filter.severity != nil { return }
    let shown = schema.metrics.indices.filter {
      schema.isNarrow || filter.wantsMetric(Array(schema.metrics[$0].name.utf8)[...])
    }
    let recordCount = output.readings.recordCount
    guard mark.records < recordCount, !shown.isEmpty else { return }
    for record in mark.records..<recordCount {
      let rows = output.readings.rows(ofRecord: record)
      if rows.isEmpty || !filter.wantsDevice(deviceName(output.readings.recordDevices[record])) {
        continue
      }
      for row in rows where isWanted(row, shown, filter) {
        lines.append { reading(row, ofRecord: record, shown) }
      }
    }
  }

  private func isWanted(_ row: Int, _ shown: [Int], _ filter: TapFilter) -> Bool {
    guard filter.metric != nil else { return true }
    if schema.isNarrow {
      let metric = output.readings.rowMetrics[row]
      return filter.wantsMetric(partition.vocabulary.metrics.bytes(of: metric))
    }
    return shown.contains { output.readings.hasValue(row: row, metric: $0) }
  }

  private func reading(_ row: Int, ofRecord record: Int, _ shown: [Int]) -> JSONValue {
    var members = head(output.readings.recordDevices[record])
    members.append(JSONMember("event_time", .instant(output.readings.rowEventTimes[row])))
    if schema.hasSequence {
      let sequence = output.readings.recordSequences[record]
      if sequence != ReadingBatch.absentSequence {
        members.append(JSONMember("sequence", .int(sequence)))
      }
    }
    let width = schema.attributes.count
    for place in 0..<width {
      append(
        attribute: place, output.readings.recordAttributes[record * width + place], to: &members)
    }
    if schema.isNarrow {
      let name = partition.vocabulary.metrics.text(of: output.readings.rowMetrics[row])
      members.append(JSONMember("metric", .string(name)))
    }
    for metric in shown where output.readings.hasValue(row: row, metric: metric) {
      let value = output.readings.json(row: row, metric: metric)
      members.append(JSONMember(schema.metrics[metric].name, value))
    }
    let flags = output.readings.rowFlags[row]
    if flags != 0 { members.append(JSONMember("flags", .int(flags))) }
    return .object(
      members + place(offset: output.readings.recordOffsets[record]))
  }

  // MARK: - Windows

  private func writeWindows(to lines: inout TapLines, _ filter: TapFilter) {
    if filter.detector != nil || filter.severity != nil { return }
    let count = output.firings.rowCount
    guard mark.firings < count else { return }
    for row in mark.firings..<count {
      guard filter.wantsDevice(deviceName(output.firings.devices[row])),
        filter.wantsMetric(metricName(output.firings.metrics[row]))
      else { continue }
      lines.append { window(row, output.firings) }
    }
  }

  private func window(_ row: Int, _ firings: borrowing FiringBatch) -> JSONValue {
    let definition = partition.source.windows[Int(firings.windowIndexes[row])]
    var members = head(firings.devices[row])
    let width = schema.attributes.count
    for place in 0..<width {
      append(attribute: place, firings.attributes[row * width + place], to: &members)
    }
    let metric = String(decoding: metricName(firings.metrics[row]), as: UTF8.self)
    members += [
      JSONMember("metric", .string(metric)),
      JSONMember("window_name", .string(definition.name)),
      JSONMember("window_start", .instant(firings.windowStarts[row])),
      JSONMember("window_end", .instant(firings.windowEnds[row])),
      JSONMember("revision", .int(firings.revisions[row])),
    ]
    if definition.aggregates.contains(.count) {
      members.append(JSONMember("count", .int(firings.counts[row])))
    }
    let aggregates = [
      ("sum", firings.sums[row]), ("mean", firings.means[row]), ("min", firings.mins[row]),
      ("max", firings.maxes[row]), ("stddev", firings.stddevs[row]),
      ("first", firings.firsts[row]), ("last", firings.lasts[row]),
    ]
    // NaN stands for null in a firing batch.
    for (name, value) in aggregates where !value.isNaN {
      members.append(JSONMember(name, .figure(value)))
    }
    return .object(members)
  }

  // MARK: - Anomalies

  private func writeAnomalies(to lines: inout TapLines, _ filter: TapFilter) {
    for event in output.anomalies.dropFirst(mark.anomalies) {
      guard filter.detector?.matches(event.detector) ?? true,
        filter.severity?.matches(event.severity.text) ?? true,
        filter.wantsDevice(event.device == WordTable.none ? nil : deviceName(event.device)),
        filter.wantsMetric(event.metric.map { Array($0.utf8)[...] })
      else { continue }
      lines.append { anomaly(event) }
    }
  }

  private func anomaly(_ event: AnomalyEvent) -> JSONValue {
    var members = [JSONMember("anomaly_id", .string(event.id))] + head(event.device)
    for (place, word) in event.attributes.enumerated() {
      append(attribute: place, word, to: &members)
    }
    if let metric = event.metric { members.append(JSONMember("metric", .string(metric))) }
    members += [
      JSONMember("detector", .string(event.detector)),
      JSONMember("severity", .string(event.severity.text)),
      JSONMember("state", .string(event.state.rawValue)),
      JSONMember("event_time", .instant(event.eventTime)),
    ]
    let figures = [
      ("value", event.value), ("expected", event.expected), ("score", event.score),
      ("threshold", event.threshold),
    ]
    for (name, value) in figures {
      if let value, !value.isNaN { members.append(JSONMember(name, .figure(value))) }
    }
    if let evidence = try? JSONValue(parsing: event.evidence) {
      members.append(JSONMember("evidence", evidence))
    }
    return .object(members + place(offset: event.offset))
  }

  // MARK: - Parts

  private func deviceName(_ device: UInt32) -> ArraySlice<UInt8>? {
    device == WordTable.none ? nil : partition.vocabulary.devices.bytes(of: device)
  }

  private func metricName(_ metric: UInt32) -> ArraySlice<UInt8> {
    schema.isNarrow
      ? partition.vocabulary.metrics.bytes(of: metric)
      : Array(schema.metrics[Int(metric)].name.utf8)[...]
  }

  private func head(_ device: UInt32) -> [JSONMember] {
    let source = JSONMember("source", .string(schema.source))
    guard device != WordTable.none else { return [source] }
    let name = partition.vocabulary.devices.text(of: device)
    return [source, JSONMember("device_id", .string(name))]
  }

  private func append(attribute place: Int, _ word: UInt32, to members: inout [JSONMember]) {
    guard word != WordTable.none else { return }
    let text = partition.vocabulary.attributes[place].text(of: word)
    members.append(JSONMember(schema.attributes[place], .string(text)))
  }

  private func place(offset: Int64) -> [JSONMember] {
    [
      JSONMember("kafka_topic", .string(partition.key.topic)),
      JSONMember("kafka_partition", .int(partition.key.partition)),
      JSONMember("kafka_offset", .int(offset)),
    ]
  }
}

extension JSONValue {
  fileprivate static func instant(_ micros: Int64) -> JSONValue {
    .string(Timestamp.text(micros: micros))
  }

  /// NaN and infinities as Protobuf's JSON writes them.
  fileprivate static func figure(_ value: Double) -> JSONValue {
    .double(value) ?? .string(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
  }
}

extension ReadingBatch {
  fileprivate func hasValue(row: Int, metric: Int) -> Bool {
    let word = presenceWords[row * schema.presenceWordsPerRow + metric >> 6]
    return word & (1 << UInt64(metric & 63)) != 0
  }

  /// A value that is there.
  fileprivate func json(row: Int, metric: Int) -> JSONValue {
    let word = metricWords[row * schema.metrics.count + metric]
    switch schema.metrics[metric].type {
    case .double: return .figure(Double(bitPattern: word))
    case .float:
      let value = Float(Double(bitPattern: word))
      return JSONNumber(value).map { .number($0) } ?? .figure(Double(value))
    case .int32, .int64: return .int(Int64(bitPattern: word))
    case .timestamp: return .instant(Int64(bitPattern: word))
    case .boolean: return .bool(word != 0)
    case .text:
      let bytes = valueBytes[Self.valueRange(of: word)]
      return .string(String(decoding: bytes, as: UTF8.self))
    case .bytes: return .string(Base64Text.text(Array(valueBytes[Self.valueRange(of: word)])))
    }
  }
}
