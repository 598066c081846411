import Base
import Testing

@testable import Decode

/// Random schemas, mappings and messages: what counts as drift against what Google's Protobuf for
/// Python has in its `UnknownFieldSet`.
@Suite struct DriftDifferentialTests {
  @Test(arguments: 41...46 as ClosedRange<UInt64>)
  func `drift is what Google's decoder does not know`(seed: UInt64) throws {
    let cases = try DifferentialTests.cases(seed: seed, count: 40, messageCount: 60)
    let expected = try PythonOracle.drift(
      for: cases.map {
        .init(set: $0.set, mapping: $0.mapping, metrics: $0.metrics, messages: $0.messages)
      })
    try #require(expected.count == cases.reduce(0) { $0 + $1.messages.count })
    var tally = (fields: 0, numbers: 0, none: 0)
    var next = 0
    for (number, one) in cases.enumerated() {
      var plan = try Fixture(one.mapping, catalogue: one.catalogue)
      for message in one.messages {
        let theirs = expected[next]
        next += 1
        let ours = plan.drift(message)
        if ours == "-" {
          tally.none += 1
        } else {
          for word in ours.split(separator: " ") {
            let isField = word.count { $0 == ":" } == 1
            if isField { tally.fields += 1 } else { tally.numbers += 1 }
          }
        }
        if ours == theirs { continue }
        Issue.record(
          """
          seed \(seed), case \(number)
          ours   \(ours)
          theirs \(theirs)
          message \(hex(message))
          set \(hex(one.set))
          \(one.mapping) \(one.metrics)
          """)
        return
      }
    }
    print("seed \(seed), drift:", tally)
    #expect(tally.fields > 200 && tally.numbers > 20 && tally.none > 200)
  }

  @Test(arguments: 51...52 as ClosedRange<UInt64>)
  func `libprotobuf-c's way reports the same drift`(seed: UInt64) throws {
    for one in try DifferentialTests.cases(seed: seed, count: 40, messageCount: 60) {
      var plan = try Fixture(one.mapping, catalogue: one.catalogue)
      var reference = try Fixture(one.mapping, catalogue: one.catalogue, usesReference: true)
      for message in one.messages {
        // Where libprotobuf-c refuses, no number of an enum is read.
        let isRead = !["dead wrong_type", "dead unpack_refused"].contains(reference.line(message))
        _ = reference.decoder.takeDrift()
        if isRead { #expect(plan.drift(message) == reference.drift(message), "\(hex(message))") }
      }
    }
  }
}

extension Fixture {
  /// What one message has that its schema does not, as the Python oracle prints it.
  mutating func drift(_ message: [UInt8]) -> String {
    _ = line(message)
    let words = decoder.takeDrift().found.map { drift in
      let number = drift.key.enumNumber.map { ":\($0)" } ?? ""
      return "\(drift.key.messageName):\(drift.key.fieldNumber)\(number)=\(drift.count)"
    }
    return words.isEmpty ? "-" : words.sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) }
      .joined(separator: " ")
  }
}
