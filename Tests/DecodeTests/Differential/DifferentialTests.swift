import Base
import Telemetry
import TestSupport
import Testing

@testable import Decode

/// Random schemas, random mappings and random, damaged and cut messages: the wire plan against
/// libprotobuf-c through the same slots, and against Google's Protobuf for Python.
@Suite struct DifferentialTests {
  /// One schema with a mapping, and messages of it.
  struct Case {
    var set: [UInt8]
    var catalogue: MessageCatalogue
    var mapping: MessageMapping
    var metrics: [(path: String, key: String?)]
    var messages: [[UInt8]]
  }

  /// - Parameter count: of schemas; each gets `messageCount` messages.
  static func cases(seed: UInt64, count: Int, messageCount: Int) throws -> [Case] {
    var random = SplitMix64(seed: seed)
    var cases: [Case] = []
    while cases.count < count {
      var schema = RandomSchema(random: SplitMix64(seed: random.next()))
      let set = schema.make()
      let catalogue = try MessageCatalogue(descriptorSet: set, path: "random")
      let type = try #require(catalogue.type(named: "t.Root"))
      var mapper = RandomMapping(random: SplitMix64(seed: random.next()))
      guard let (mapping, metrics) = mapper.make(type) else { continue }
      var fuzzer = WireFuzzer(random: SplitMix64(seed: random.next()))
      let messages = (0..<messageCount).map { _ in fuzzer.message(of: type) }
      cases.append(
        Case(
          set: set, catalogue: catalogue, mapping: mapping, metrics: metrics, messages: messages))
    }
    return cases
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `the wire plan reads what libprotobuf-c reads`(seed: UInt64) throws {
    var tally: [String: Int] = [:]
    for (number, one) in try Self.cases(seed: seed, count: 40, messageCount: 60).enumerated() {
      var plan = try Fixture(one.mapping, catalogue: one.catalogue)
      var reference = try Fixture(one.mapping, catalogue: one.catalogue, usesReference: true)
      for message in one.messages {
        let theirs = reference.line(message)
        // What it refuses though it is sound, docs/DECODING.md lists.
        let isRefused = theirs == "dead wrong_type" || theirs == "dead unpack_refused"
        tally[isRefused ? "refused" : Self.kind(theirs), default: 0] += 1
        if isRefused { continue }
        let ours = plan.line(message)
        if ours == theirs { continue }
        Self.record(
          "seed \(seed), case \(number)", plan.decode(message), ours, theirs, one, message)
        return
      }
    }
    print("seed \(seed), libprotobuf-c:", tally.sorted { $0.key < $1.key })
    #expect(tally["read", default: 0] > 200)
  }

  @Test(arguments: 21...24 as ClosedRange<UInt64>)
  func `the wire plan reads what Google's decoder reads`(seed: UInt64) throws {
    let cases = try Self.cases(seed: seed, count: 40, messageCount: 60)
    let expected = try PythonOracle.lines(
      for: cases.map {
        .init(set: $0.set, mapping: $0.mapping, metrics: $0.metrics, messages: $0.messages)
      })
    try #require(expected.count == cases.reduce(0) { $0 + $1.messages.count })
    var tally: [String: Int] = [:]
    var next = 0
    for (number, one) in cases.enumerated() {
      var plan = try Fixture(one.mapping, catalogue: one.catalogue)
      for message in one.messages {
        let theirs = expected[next]
        next += 1
        let ours = plan.line(message)
        tally[Self.kind(ours), default: 0] += 1
        let agrees =
          theirs == "refused" ? OracleTests.structural.contains(ours) : ours == theirs
        if agrees { continue }
        Self.record(
          "seed \(seed), case \(number)", plan.decode(message), ours, theirs, one, message)
        return
      }
    }
    print("seed \(seed), Python:", tally.sorted { $0.key < $1.key })
    #expect(tally["read", default: 0] > 200)
  }

  /// One message is enough to work on.
  private static func record(
    _ place: String, _ outcome: DecodeOutcome, _ ours: String, _ theirs: String, _ one: Case,
    _ message: [UInt8]
  ) {
    Issue.record(
      """
      \(place): \(outcome)
      ours   \(ours)
      theirs \(theirs)
      message \(hex(message))
      set \(hex(one.set))
      \(one.mapping) \(one.metrics)
      """)
  }

  private static func kind(_ line: String) -> String {
    if line.contains(" kept ") { return "kept" }
    return line.hasPrefix("read") ? "read" : line.hasPrefix("empty") ? "empty" : line
  }
}
