import Base
import Telemetry
import TestSupport
import Testing

@testable import Decode

/// Random messages of all shapes against Google's Protobuf for Python.
///
/// Where both can parse a message, outcome, reason and every value must be the same. Where Python
/// cannot, we must not either, with a structural reason. Not compared: we stop at 64 levels, Python
/// at 100 (none of these messages goes as deep).
@Suite struct OracleTests {
  static let structural: Set<String> = ["dead truncated", "dead malformed", "dead too_deep"]

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `wide messages decode as Google's decoder has them`(seed: UInt64) throws {
    try compare(
      Fixture.snapshots, try PythonOracle.builtInProtoText(), seed: seed, count: 4000)
  }

  @Test(arguments: [4, 5, 6] as [UInt64])
  func `batch messages decode as Google's decoder has them`(seed: UInt64) throws {
    try compare(
      Fixture.samples, try PythonOracle.builtInProtoText(), seed: seed, count: 4000)
  }

  @Test(arguments: [7, 8, 9] as [UInt64])
  func `a descriptor built at run time decodes as Google's decoder has it`(seed: UInt64) throws {
    try compare(Probe.mapping, Probe.protoText, seed: seed, count: 4000)
  }

  private func compare(
    _ mapping: MessageMapping, _ protoText: String, seed: UInt64, count: Int
  ) throws {
    let set = try Protobuf.descriptorSet(of: ["schema.proto": protoText])
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "schema.proto")
    var fixture = try Fixture(mapping, catalogue: catalogue)
    let plan = try DecodePlan(mapping, catalogue: catalogue)
    var fuzzer = WireFuzzer(random: SplitMix64(seed: seed))
    let messages = (0..<count).map { _ in fuzzer.message(of: plan.compiled.type) }
    let metrics: [(path: String, key: String?)] =
      if let narrow = mapping.narrowMetric {
        [(narrow.valueField, nil)]
      } else {
        plan.schema.metrics.map { (Self.path($0.name), nil) }
      }
    let expected = try PythonOracle.lines(
      for: [.init(set: set, mapping: mapping, metrics: metrics, messages: messages)])
    try #require(expected.count == count)
    var tally: [String: Int] = [:]
    for (message, line) in zip(messages, expected) {
      let ours = fixture.line(message)
      tally[category(ours), default: 0] += 1
      let agrees =
        line == "refused"
        ? Self.structural.contains(ours) : ours == line
      if agrees { continue }
      Issue.record("seed \(seed): \(ours), Python: \(line), message \(hex(message))")
      // One message is enough to work on.
      return
    }
    print("seed \(seed), \(mapping.source):", tally.sorted { $0.key < $1.key })
    // The comparison means something only if many messages are read and many are not.
    #expect(tally["read", default: 0] > count / 8)
    #expect(tally["dead wrong_type", default: 0] + tally["kept", default: 0] > 0)
    #expect(tally["dead truncated", default: 0] > 0)
  }

  private func category(_ line: String) -> String {
    line.hasPrefix("read") ? "read" : line.hasPrefix("empty") ? "empty" : line
  }

  /// Column names of the probe's nested fields back to paths.
  private static func path(_ column: String) -> String {
    for prefix in ["place", "other"] where column.hasPrefix(prefix + "_") {
      return prefix + "." + column.dropFirst(prefix.count + 1)
    }
    return column
  }
}
