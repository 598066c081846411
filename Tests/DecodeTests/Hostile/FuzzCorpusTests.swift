import Foundation
import Telemetry
import Testing

@testable import Decode

/// The corpus that the fuzzer has gathered (`Tests/Fuzz`), replayed: the wire plan and
/// libprotobuf-c must make the same of every input, under every mapping of the fuzzer.
@Suite struct FuzzCorpusTests {
  private static func folder(filePath: String = #filePath) throws -> URL {
    let set = try #require(Protobuf.findUpwards("Tests/Fuzz/fuzz.binpb", from: filePath))
    return URL(fileURLWithPath: set).deletingLastPathComponent()
  }

  private static func inputs() throws -> [(name: String, bytes: [UInt8])] {
    let corpus = try folder().appendingPathComponent("corpus")
    return try FileManager.default.contentsOfDirectory(atPath: corpus.path).sorted().map { name in
      (name, Array(try Data(contentsOf: corpus.appendingPathComponent(name))))
    }
  }

  /// The index of a mapping is what an input's first byte picks.
  private static func mappings() -> [MessageMapping] {
    var wide = Fixture.snapshots
    wide.attributes = [.init(field: "region")]
    let narrow = Fixture.samples
    let paths = [
      "place.altitude_km", "place.site", "place.mode", "uptime", "level", "is_ok",
      "other.inner.orbit", "note", "place.label",
    ]
    var all = MessageMapping(
      source: "s", messageName: "fuzz.Everything", device: .field("id"),
      time: .init(field: "time_ms", unit: .milliseconds),
      attributes: [.init(field: "other.mode", name: "mode")],
      metrics: .list(
        paths.enumerated().map { .init(field: $1, name: "m\($0)") } + [
          .init(field: "words", name: "w1", key: "1"), .init(field: "words", name: "w7", key: "7"),
        ]),
      plausibleFromMicros: 0)
    all.implicitZero = true
    let rows = MessageMapping(
      source: "s", messageName: "fuzz.Everything", rows: "samples", device: .field("id"),
      time: .init(field: "samples.at"), attributes: [.init(field: "note")],
      metrics: .list([
        .init(field: "samples.kind"), .init(field: "samples.value", name: "v"),
        .init(field: "samples.more", name: "k", key: "k"), .init(field: "samples.raw"),
        .init(field: "samples.count"), .init(field: "samples.low"),
      ]),
      plausibleFromMicros: 0)
    var entries = rows
    entries.rows = "words"
    entries.time = .init(field: "time_ms", unit: .milliseconds)
    entries.metrics = .list([.init(field: "words.value", name: "w")])
    return [wide, narrow, all, rows, entries]
  }

  @Test func `plan and reference agree on every input`() throws {
    let bytes = try Data(contentsOf: Self.folder().appendingPathComponent("fuzz.binpb"))
    let catalogue = try MessageCatalogue(descriptorSet: Array(bytes), path: "fuzz.binpb")
    let inputs = try Self.inputs()
    #expect(inputs.count > 300)
    var tally: [String: Int] = [:]
    for (index, mapping) in Self.mappings().enumerated() {
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
