import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Decode

/// The corpus that the fuzzer has gathered (`Tests/Fuzz`), replayed: the wire plan and
/// libprotobuf-c must make the same of every input, under every mapping of the fuzzer.
@Suite struct FuzzCorpusTests {
  private static func inputs() throws -> [(name: String, bytes: [UInt8])] {
    let corpus = Repository.root.appendingPathComponent("Tests/Fuzz/corpus")
    return try FileManager.default.contentsOfDirectory(atPath: corpus.path).sorted().map { name in
      (name, Array(try Data(contentsOf: corpus.appendingPathComponent(name))))
    }
  }

  @Test func `plan and reference agree on every input`() throws {
    let bytes = try Data(
      contentsOf: Repository.root.appendingPathComponent("Tests/Fuzz/fuzz.binpb"))
    let catalogue = try MessageCatalogue(descriptorSet: Array(bytes), path: "fuzz.binpb")
    let inputs = try Self.inputs()
    #expect(inputs.count > 300)
    var tally: [String: Int] = [:]
    for (index, mapping) in FuzzMappings.all.enumerated() {
      let types = mapping.messageName.hasPrefix("fuzz.") ? catalogue : .builtIn
      var plan = try Fixture(mapping, catalogue: types)
      var reference = try Fixture(mapping, catalogue: types, usesReference: true)
      for (name, input) in inputs {
        let payload = Array(input.dropFirst())
        let theirs = reference.line(payload)
        let ours = plan.line(payload)
        // What it refuses though it is sound, docs/DECODING.md lists.
        let isRefused = theirs == "dead wrong_type" || theirs == "dead unpack_refused"
        let kind = theirs.split(separator: " ").prefix(theirs.hasPrefix("dead") ? 2 : 1)
        tally[kind.joined(separator: " "), default: 0] += 1
        if !isRefused, ours != theirs {
          Issue.record("mapping \(index), input \(name): ours \(ours), theirs \(theirs)")
        }
      }
    }
    print("corpus, libprotobuf-c:", tally.sorted { $0.key < $1.key })
    #expect(tally["read", default: 0] > 20)
  }
}
