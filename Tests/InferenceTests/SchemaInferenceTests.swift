import Base
import Decode
import Telemetry
import Testing

@testable import Inference

/// Proposals for many shapes of messages.
@Suite struct SchemaInferenceTests {
  typealias Field = TestSchema.Field

  // MARK: - The built-in types

  @Test func `a wide message is proposed with device, time, sequence, words and metrics`() throws {
    let records = Fleet.records { device, round, micros in
      var writer = ByteWriter()
      let message = DeviceTelemetryMessage(
        deviceID: "dev-\(device)", timeUnixMillis: UInt64(micros / 1000),
        region: device < 2 ? "eu" : "us", firmware: "2.4.1", sequence: UInt64(7 + round),
        metrics: (0..<9).map { Double($0 * 3 + round) * 0.5 + 1 })
      TelemetryEncoder.append(message, to: &writer)
      return writer.bytes
    }
    let proposal = try SchemaInference.proposal(.builtIn, records)
    let mapping = proposal.mapping
    #expect(mapping.messageName == "fleet.telemetry.v1.DeviceTelemetry")
    #expect(mapping.device == .field("device_id"))
    #expect(mapping.time == .init(field: "time_unix_ms", unit: .milliseconds))
    #expect(mapping.sequence == "sequence" && proposal.tellsDuplicates)
    #expect(mapping.attributes.map(\.field) == ["region", "firmware"])
    #expect(mapping.metricNames == Array(DeviceTelemetryMessage.metricNames.prefix(9)))
    let left = proposal.metrics.filter { !$0.isProposed }
    #expect(left.map(\.field) == ["panel_angle_deg"])
    #expect(left.map(\.remark) == ["double, never seen"])
    #expect(proposal.trial.readCount == 100 && proposal.trial.deviceCount == 5)
    #expect(proposal.fits.map(\.share)[0] == 1 && proposal.fits.count == 3)
    #expect(proposal.fits[1].fittingCount == 0)
  }

  @Test func `a batch of samples is narrow`() throws {
    let records = Fleet.records(count: 40) { device, round, micros in
      var writer = ByteWriter()
      let samples = (0..<3).map { index in
        TelemetryBatchMessage.Sample(
          timeUnixMicros: UInt64(micros) - UInt64(index) * 1000, metric: "m\(index)",
          value: Double(round) + 0.25)
      }
      let message = TelemetryBatchMessage(
        deviceID: "dev-\(device)", region: "eu", samples: samples)
      TelemetryEncoder.append(message, to: &writer)
      return writer.bytes
    }
    let proposal = try SchemaInference.proposal(.builtIn, records)
    let mapping = proposal.mapping
    #expect(mapping.messageName == "fleet.telemetry.v1.TelemetryBatch")
    #expect(mapping.rows == "samples")
    #expect(
      mapping.narrowMetric == .init(nameField: "samples.metric", valueField: "samples.value"))
    #expect(mapping.time == .init(field: "samples.time_unix_us", unit: .microseconds))
    #expect(mapping.attributes.map(\.field) == ["region"])
    #expect(proposal.trial.readingCount == 120)
  }

  // MARK: - Time

  private static let orbit: [Field] = [
    Field("serial", 1, .string), Field("stamp", 2, .int64), Field("speed", 3, .double),
    Field("mass_kg", 4, .double),
  ]

  private static func orbit(_ device: Int, _ round: Int, stamp: UInt64) -> [UInt8] {
    Wire.text(1, "dev-\(device)") + Wire.integer(2, stamp) + Wire.double(3, Double(round) + 0.5)
      + Wire.double(4, 12)
  }

  @Test(arguments: zip(MessageMapping.TimeUnit.allCases, [Int64(1_000_000), 1000, 1, -1000]))
  func `the unit of an epoch is told by its size`(
    unit: MessageMapping.TimeUnit, microsPerUnit: Int64
  ) throws {
    let catalogue = try TestSchema.catalogue([("Orbit", Self.orbit)])
    // Three seconds apart, so that no count of seconds is a sequence.
    let records = Fleet.records { device, round, micros in
      let count = microsPerUnit > 0 ? micros / microsPerUnit : micros * -microsPerUnit
      return Self.orbit(device, round, stamp: UInt64(count))
    }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.mapping.time == .init(field: "stamp", unit: unit))
    #expect(proposal.mapping.sequence == nil)
    #expect(proposal.trial.deadCount == 0 && proposal.trial.implausibleTimeCount == 0)
  }

  @Test func `a Timestamp needs no unit, and the one in the rows goes first`() throws {
    let catalogue = try TestSchema.catalogue([
      ("Point", [.timestamp("at", 1), Field("temp_c", 2, .double), Field("rpm", 3, .double)]),
      (
        "Report",
        [
          Field("device_id", 1, .string), .timestamp("received_at", 2),
          Field("points", 3, .message, of: ".t.Point", isRepeated: true),
        ]
      ),
    ])
    let records = Fleet.records(count: 30) { device, round, micros in
      let points = (0..<2).flatMap { index in
        Wire.bytes(
          3,
          Wire.timestamp(1, micros: micros - Int64(2 - index) * 1000)
            + Wire.double(2, Double(round) + 20.5) + Wire.double(3, Double(100 * round + index)))
      }
      return Wire.text(1, "dev-\(device)") + Wire.timestamp(2, micros: micros) + points
    }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.mapping.messageName == "t.Report")
    #expect(proposal.mapping.rows == "points" && proposal.mapping.narrowMetric == nil)
    #expect(proposal.mapping.time == .init(field: "points.at"))
    #expect(proposal.mapping.metricNames == ["temp_c", "rpm"])
    #expect(proposal.trial.readingCount == 60)
  }

  @Test func `a double cannot be the time, and that is said`() throws {
    let catalogue = try TestSchema.catalogue([
      ("Orbit", [Field("id", 1, .string), Field("t", 2, .double), Field("v", 3, .double)])
    ])
    let records = Fleet.records { device, round, micros in
      Wire.text(1, "dev-\(device)") + Wire.double(2, Double(micros) / 1e6)
        + Wire.double(3, Double(round))
    }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.mapping.time == .init(field: "$timestamp"))
    #expect(proposal.time.reasons.contains { $0.hasPrefix("t (double) holds times") })
    #expect(proposal.mapping.metricNames == ["v"])
  }

  // MARK: - Device

  @Test func `a number that names the device gives way to the key`() throws {
    let catalogue = try TestSchema.catalogue([
      ("Orbit", [Field("unit_id", 1, .uint32), Field("region", 2, .string), Field("v", 3, .double)])
    ])
    let records = Fleet.records { device, round, _ in
      Wire.integer(1, UInt64(4000 + device)) + Wire.text(2, device < 3 ? "eu" : "us")
        + Wire.double(3, Double(round) + 1)
    }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.mapping.device == .recordKey)
    #expect(proposal.device.reasons.contains { $0.hasPrefix("unit_id (uint32) goes with it") })
    #expect(proposal.mapping.metricNames == ["v"])
    #expect(proposal.mapping.attributes.map(\.field) == ["region"])
  }

  @Test func `a message's own id is no device`() throws {
    let catalogue = try TestSchema.catalogue([
      ("Orbit", [Field("id", 1, .string), Field("sat", 2, .string), Field("v", 3, .double)])
    ])
    let records = Fleet.records(hasKeys: false) { device, round, _ in
      Wire.text(1, "m-\(device)-\(round)") + Wire.text(2, "s\(device)") + Wire.double(3, 1.5)
    }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.mapping.device == .field("sat"))
    #expect(proposal.trial.deviceCount == 5)
  }

  @Test func `a header can be the device`() throws {
    let catalogue = try TestSchema.catalogue([("Orbit", [Field("v", 3, .double)])])
    let records = Fleet.records(hasKeys: false) { _, round, _ in Wire.double(3, Double(round) + 1) }
      .map { record in
        var record = record
        record.headers = [.init(name: "device-id", value: Array("d\(record.offset % 4)".utf8))]
        return record
      }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.mapping.device == .header("device-id"))
    #expect(proposal.trial.deviceCount == 4)
  }

  @Test func `without key and string there is no proposal`() throws {
    let catalogue = try TestSchema.catalogue([("Orbit", [Field("v", 3, .double)])])
    let records = Fleet.records(hasKeys: false) { _, round, _ in Wire.double(3, Double(round) + 1) }
    let none = try SchemaInference.refusal(catalogue, records)
    #expect(none.reasons.first == "nothing tells which device a record is of")
    #expect(none.reasons.contains("the records have no keys"))
  }

  // MARK: - Metrics

  @Test func `a map becomes rows, or columns beside other metrics`() throws {
    let fields: [Field] = [
      Field("device_id", 1, .string), Field("at_ms", 2, .int64), .map("values", 3, to: .double),
      Field("volts", 4, .double),
    ]
    let catalogue = try TestSchema.catalogue([("Report", fields)])
    func records(hasVolts: Bool) -> [SampleRecord] {
      Fleet.records { device, round, micros in
        let entries = ["temp", "rpm 2"].flatMap {
          Wire.bytes(3, Wire.text(1, $0) + Wire.double(2, Double(round) + 0.5))
        }
        return Wire.text(1, "dev-\(device)") + Wire.integer(2, UInt64(micros / 1000)) + entries
          + (hasVolts ? Wire.double(4, 12.5) : [])
      }
    }
    let rows = try SchemaInference.proposal(catalogue, records(hasVolts: false))
    #expect(rows.mapping.rows == "values")
    #expect(
      rows.mapping.narrowMetric == .init(nameField: "values.key", valueField: "values.value"))
    #expect(rows.trial.readingCount == 200)
    let wide = try SchemaInference.proposal(catalogue, records(hasVolts: true))
    #expect(wide.mapping.rows == nil)
    #expect(wide.mapping.metricNames == ["volts", "values_rpm_2", "values_temp"])
    #expect(wide.metrics.map(\.key) == [nil, "rpm 2", "temp"])
    #expect(wide.metrics[0].remark == "double, always 12.5")
    #expect(wide.trial.readCount == 100)
  }

  @Test func `nested fields, names of ours, identities and silent zeros`() throws {
    let catalogue = try TestSchema.catalogue([
      ("Header", [Field("device", 1, .string), Field("state", 2, .enumeration, of: ".t.Mode")]),
      (
        "Report",
        [
          Field("header", 1, .message, of: ".t.Header"), Field("value", 2, .double),
          Field("code", 3, .int32), Field("count", 4, .int32, isOptional: false),
          Field("list", 5, .double, isRepeated: true), Field("state", 6, .string),
          Field("note", 7, .string),
        ]
      ),
    ])
    let records = Fleet.records { device, round, _ in
      let header = Wire.text(1, "dev-\(device)") + Wire.integer(2, UInt64(round % 2))
      return Wire.bytes(1, header) + Wire.double(2, Double(round)) + Wire.integer(3, UInt64(round))
        + (round % 2 == 0 ? Wire.integer(4, 5) : []) + Wire.double(5, 1) + Wire.text(6, "ok")
        + Wire.text(7, "note \(device) \(round)")
    }
    let proposal = try SchemaInference.proposal(catalogue, records)
    let mapping = proposal.mapping
    #expect(mapping.device == .field("header.device"))
    #expect(mapping.attributes.map(\.field) == ["header.state", "state"])
    #expect(mapping.attributes.map(\.name) == ["header_state", "state_field"])
    #expect(mapping.metricNames == ["value_field", "count"])
    let left = proposal.metrics.filter { !$0.isProposed }.map(\.field)
    #expect(left == ["code", "note"])
    #expect(proposal.notes.contains { $0.contains("list (repeated double)") })
    #expect(proposal.notes.contains { $0.hasPrefix("count is declared without `optional`") })
    let count = proposal.metrics.first { $0.field == "count" }
    #expect(count?.remark == "int32, always 5, null in 50 %")
  }

  @Test func `fields that were never seen are proposed only where there is nothing else`() throws {
    let catalogue = try TestSchema.catalogue([("Orbit", Self.orbit)])
    let records = Fleet.records { device, _, micros in
      Wire.text(1, "dev-\(device)") + Wire.integer(2, UInt64(micros / 1000))
    }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.mapping.metricNames == ["speed", "mass_kg"])
    #expect(proposal.metrics.allSatisfy { $0.remark == "double, never seen" })
  }

  // MARK: - Odd records

  @Test func `bad records, unknown fields and wrong wire types are counted and said`() throws {
    let catalogue = try TestSchema.catalogue([("Orbit", Self.orbit)])
    var records = Fleet.records { device, round, micros in
      Self.orbit(device, round, stamp: UInt64(micros)) + Wire.integer(90, 3)
    }
    records[3].value = nil
    records[9].value = Array((records[9].value ?? []).dropLast(5))
    records[12].value = Wire.text(2, "no time")
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.trial.readCount == 97)
    #expect(Set(proposal.trial.dead.map(\.reason)) == [.nullPayload, .truncated, .wrongType])
    #expect(
      proposal.notes.contains(
        "field 90 (wire type 0) is in 97 records and unknown: a newer schema?"))
    #expect(proposal.fits[0].fittingCount == 97)
  }

  @Test func `the wrong message type is refused, and the right one named`() throws {
    let catalogue = try TestSchema.catalogue([
      ("Orbit", Self.orbit), ("Other", [Field("a", 1, .double), Field("b", 2, .string)]),
    ])
    let records = Fleet.records { Self.orbit($0, $1, stamp: UInt64($2)) }
    let none = try SchemaInference.refusal(catalogue, records, message: "t.Other")
    #expect(none.reasons[0].hasPrefix("t.Other fits 0 of 100 records"))
    #expect(none.reasons[1].hasPrefix("the records look like t.Orbit"))
    #expect(none.outline?.lines.map(\.number) == [1, 2, 3, 4])
    let found = try SchemaInference.proposal(catalogue, records)
    #expect(found.mapping.messageName == "t.Orbit" && !found.isTypeGiven)
  }

  @Test func `nothing is proposed for no records, for tombstones, and without types`() throws {
    #expect(try SchemaInference.refusal(.builtIn, []).reasons[0].hasPrefix("there are no records"))
    let tombstones = Fleet.records { _, _, _ in [] }.map { record in
      var record = record
      record.value = nil
      return record
    }
    let none = try SchemaInference.refusal(.builtIn, tombstones)
    #expect(none.reasons == ["no record has a message in it"])
    #expect(none.sample.tombstoneCount == 100)
    let records = Fleet.records { Self.orbit($0, $1, stamp: UInt64($2 / 1000)) }
    let outline = try #require(try SchemaInference.refusal(nil, records).outline)
    #expect(outline.lines.map(\.wireTypes) == [["length"], ["varint"], ["64-bit"], ["64-bit"]])
    #expect(outline.lines[0].guess == "string: 5 values (\"dev-0\", \"dev-1\", \"dev-2\", …)")
    #expect(outline.lines[1].guess == "integer: a time in ms since 1970?")
    #expect(outline.lines[2].guess == "double")
  }

  @Test func `envelopes are opened, and suspected where nobody has said so`() throws {
    let catalogue = try TestSchema.catalogue([("Orbit", Self.orbit)])
    let records = Fleet.records { device, round, micros in
      [0, 0, 0, 0, 9, 0] + Self.orbit(device, round, stamp: UInt64(micros))
    }
    let proposal = try SchemaInference.proposal(catalogue, records, envelope: .confluent)
    #expect(proposal.mapping.envelope == .confluent && proposal.trial.readCount == 100)
    #expect(try SchemaInference.refusal(catalogue, records).outline?.looksEnveloped == true)
  }

  @Test func `whatever bytes come, there is an answer, and always the same`() throws {
    let catalogue = try TestSchema.catalogue([
      ("Orbit", Self.orbit),
      ("Loop", [Field("next", 1, .message, of: ".t.Loop"), .map("m", 2, to: .int64)]),
    ])
    for seed in UInt64(1)...60 {
      var random = SplitMix64(seed: seed)
      let records = Fleet.records(count: 40) { device, round, micros in
        var bytes = Self.orbit(device, round, stamp: UInt64(micros))
        for _ in 0..<Int.random(in: 0...6, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
            in: 0...255, using: &random)
        }
        return Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
      }
      for catalogue in [catalogue, nil] {
        let inference = SchemaInference(catalogue, .init(source: "test"))
        let once = Answer(inference.infer(from: records))
        #expect(once == Answer(inference.infer(from: records)), "seed \(seed)")
      }
    }
  }
}

/// All that an outcome says.
private struct Answer: Equatable {
  var mapping: MessageMapping?
  var columns: [SchemaProposal.Column] = []
  var choices: [SchemaProposal.Choice] = []
  var trial: TrialRun?
  var fits: [TypeFit]
  var sentences: [String]
  var outline: [WireOutline.Line] = []

  init(_ outcome: InferenceOutcome) {
    switch outcome {
    case .proposal(let proposal):
      mapping = proposal.mapping
      columns = proposal.attributes + proposal.metrics
      choices = [proposal.device, proposal.time]
      trial = proposal.trial
      fits = proposal.fits
      sentences = proposal.notes + proposal.rows
    case .none(let none):
      fits = none.fits
      sentences = none.reasons
      outline = none.outline?.lines ?? []
    }
  }
}
