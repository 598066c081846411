import Base
import Config
import Decode
import Foundation
import Inference
import Pipeline
import Telemetry
import Testing

@testable import downlinkd

/// Proposals as YAML: what stands there, that `check` takes it, and that it reads what it was made
/// from.
@Suite struct ProposalTextTests {
  private static func folder() -> URL {
    FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-infer-\(UUID().uuidString)")
  }

  /// What `check` and `run` make of a block.
  private static func wiring(_ block: String, folder: String) throws -> Wiring {
    let text = "pipeline: fleet\nkafka: {brokers: [b:9092]}\nstorage: {root: data}\n" + block
    let configuration = try Configuration.parse(
      Array(text.utf8), file: "\(folder)/downlinkd.yaml", environment: [:])
    return try Wiring(configuration)
  }

  @Test func `a proposal says why`() throws {
    let records = (0..<40).map { index in
      var writer = ByteWriter()
      let micros = 1_781_000_000_000_000 + Int64(index) * 1_000_000
      let message = DeviceTelemetryMessage(
        deviceID: "sat-\(index % 4)", timeUnixMillis: UInt64(micros / 1000), region: "eu",
        sequence: UInt64(1 + index / 4),
        metrics: [Double(index / 4) * 0.25 + 12, index % 2 == 0 ? 3.5 : nil])
      TelemetryEncoder.append(message, to: &writer)
      return SampleRecord(
        partition: 0, offset: Int64(index), timestampMicros: micros + 500_000,
        key: Array("sat-\(index % 4)".utf8), value: index == 39 ? nil : writer.bytes)
    }
    let inference = SchemaInference(.builtIn, .init(source: "orbit_v2"))
    guard case .proposal(let proposal) = inference.infer(from: records) else {
      Issue.record("no proposal")
      return
    }
    let text = ProposalText(proposal: proposal, topic: "orbit-v2", definition: .builtIn).text
    let never = DeviceTelemetryMessage.metricNames.dropFirst(2)
      .map { "      # - \($0)  # double, never seen\n" }.joined()
    #expect(
      text == """
        # Proposed by `downlinkd schema infer` from 40 records of topic orbit-v2, 1 partition,
        # Kafka's times 2026-06-09T10:13:20.500000Z to 2026-06-09T10:13:59.500000Z. Read it before
        # you use it.
        # Tried on these records: 39 read, 39 readings of 4 devices, 1 dead.
        # - 1 dead, null_payload: first partition 0, offset 39: the record has no value
        sources:
          - name: orbit_v2
            topics: [orbit-v2]
            # Fits 39 of 39 records; it explains them best.
            # Next: fleet.telemetry.v1.TelemetryBatch, which fits 0 of them; 39 do not:
            # fleet.telemetry.v1.TelemetryBatch.region (field 2) has another wire type.
            # Next: fleet.telemetry.v1.Sample, which fits 0 of them; 39 do not:
            # fleet.telemetry.v1.Sample.time_unix_us (field 1) has another wire type.
            message: fleet.telemetry.v1.DeviceTelemetry
            # 4 values in 39 records ("sat-0", "sat-1", "sat-2", …); it is Kafka's key; named like
            # a device.
            device: device_id
            # As ms since 1970 100 % of its values are times; 0.5 s before Kafka's; named like a
            # time; never falls within a device.
            time: {field: time_unix_ms, unit: ms}
            # Rises by 1 in 100 % of 35 steps within a device.
            sequence: sequence
            # Leaves out copies of a record, if no device begins anew within the hour:
            # deduplicate: {by: sequence, within: 1h}
            attributes:
              - region  # 1 value ("eu"), stays within a device
              # - firmware  # never seen
            metrics:
              - battery_voltage_v  # double, 12 to 14.25
              - battery_current_a  # double, always 3.5, null in 48.7 %

        """ + never)
    let mapping = try Self.wiring(text, folder: "/etc").pipeline.sources[0].plan.mapping
    #expect(mapping == proposal.mapping)
  }

  @Test func `strange names stay what they are`() throws {
    let texts = [
      "no", "12", "a: b", "x # y", "${HOME}", "\u{7}\"\\", "-", "é\u{2028}", "$header.a b",
    ]
    for text in texts {
      let block = """
        sources:
          - name: a
            topics: [t]
            message: fleet.telemetry.v1.DeviceTelemetry
            device: device_id
            time: {field: time_unix_ms, unit: ms}
            metrics: [{field: battery_voltage_v, unit: \(YAMLText.flow(text))}]
        """
      let plan = try Self.wiring(block, folder: "/etc").pipeline.sources[0].plan
      #expect(plan.schema.metrics[0].unit == text)
    }
    var lines: [String] = []
    ProposalText.comment("a\nb: {x", indent: 2, &lines)
    #expect(lines == ["  # a b: {x"])
    #expect(SchemaInferCommand.sourceName(ofTopic: "Orbit.v2-eu") == "orbit_v2_eu")
  }

  @Test func `what is proposed for random schemas is accepted, and reads every record`() throws {
    let folder = Self.folder()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for seed in UInt64(1)...30 {
      let shape = RandomFleet(seed: seed)
      try Data(shape.proto.utf8).write(to: folder.appendingPathComponent("fleet.proto"))
      let set = try ProtoTexts.compile(
        folder: folder.path, environment: Environment.variables)
      try Data(set).write(to: folder.appendingPathComponent("set.binpb"))
      let catalogue = try MessageCatalogue(descriptorSet: set, path: "set")
      let outcome = SchemaInference(catalogue, .init(source: "fleet")).infer(from: shape.records)
      guard case .proposal(let proposal) = outcome else {
        Issue.record("seed \(seed): \(outcome)\n\(shape.proto)")
        continue
      }
      let text = ProposalText(
        proposal: proposal, topic: "fleet", definition: .descriptorSet(folder.path + "/set.binpb")
      ).text
      let plan = try Self.wiring(text, folder: folder.path).pipeline.sources[0].plan
      #expect(plan.mapping == proposal.mapping, "seed \(seed)\n\(text)")
      #expect(plan.mapping.messageName == "fleet.Report", "seed \(seed)\n\(text)")
      let found = shape.readings(by: plan)
      #expect(found == shape.expected, "seed \(seed)\n\(text)\n\(shape.proto)")
    }
  }
}
