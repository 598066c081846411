import Base
import Foundation
import TestSupport
import Testing

@testable import Decode

/// JSON to wire bytes, against Google's Protobuf for Python.
@Suite struct JSONMessageEncoderTests {
  /// One type and what ours makes of its messages.
  private struct Case {
    let set: [UInt8]
    let type: MessageType
    let messages: [(text: String, bytes: [UInt8]?)]

    init(_ set: [UInt8], _ name: String, _ values: [JSONValue]) throws {
      self.set = set
      let catalogue = try MessageCatalogue(descriptorSet: set, path: "set")
      type = try #require(catalogue.type(named: name))
      let encoder = JSONMessageEncoder(type)
      messages = values.map { ($0.text, try? encoder.encode($0)) }
    }

    /// Why ours refuses one of its messages.
    func fault(of text: String) -> String? {
      guard messages.contains(where: { $0.text == text }) else { return nil }
      do {
        _ = try JSONMessageEncoder(type).encode(try JSONValue(parsing: text))
        return nil
      } catch {
        return "\(error)"
      }
    }
  }

  /// What Google says to each message of all cases in turn.
  private func verdicts(_ cases: [Case]) throws -> [String] {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-json-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var index: [JSONValue] = []
    for (number, one) in cases.enumerated() {
      try Data(one.set).write(to: folder.appendingPathComponent("set\(number)"))
      index.append([
        "set": .string("set\(number)"), "message": .string(one.type.name),
        "messages": .array(
          one.messages.map {
            ["json": .string($0.text), "bytes": .optional($0.bytes.map { HexText.text($0) })]
          }),
      ])
    }
    try Data(JSONValue.array(index).bytes).write(to: folder.appendingPathComponent("cases.json"))
    return try Protobuf.python(file: "json_oracle.py", [folder.path])
      .split(separator: "\n").map(String.init)
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `random messages of random schemas come out as Google's`(seed: UInt64) throws {
    var schemas = RandomSchema(random: SplitMix64(seed: seed))
    var values = RandomJSON(random: SplitMix64(seed: seed &+ 1000))
    var cases: [Case] = []
    for _ in 0..<40 {
      let set = schemas.make()
      let catalogue = try MessageCatalogue(descriptorSet: set, path: "set")
      let root = try #require(catalogue.type(named: "t.Root"))
      cases.append(
        try Case(set, "t.Root", (0..<50).map { _ in values.message(of: root) }))
    }
    let verdicts = try verdicts(cases)
    let texts = cases.flatMap { $0.messages.map(\.text) }
    try #require(verdicts.count == texts.count)
    var tally: [String: Int] = [:]
    for (verdict, text) in zip(verdicts, texts) {
      tally[verdict, default: 0] += 1
      if verdict == "same" || verdict == "refused" { continue }
      let ours = cases.compactMap { $0.fault(of: text) }.first
      Issue.record("seed \(seed): \(verdict), ours: \(ours ?? "none"): \(text)")
      return
    }
    // The comparison means something only if most messages are sound and some are not.
    #expect(tally["same", default: 0] > 1000 && tally["refused", default: 0] > 100, "\(tally)")
  }

  private static let everything = """
    syntax = "proto2"; package acme;
    import "google/protobuf/struct.proto";
    import "google/protobuf/field_mask.proto";
    enum Mode { IDLE = 0; BUSY = 5; }
    message All {
      optional string device_id = 1;
      optional group Place = 2 { optional double altitude_km = 1; repeated Mode modes = 2; }
      optional google.protobuf.Struct notes = 3;
      optional google.protobuf.Value anything = 4;
      repeated google.protobuf.Value list_of = 5;
      optional google.protobuf.FieldMask mask = 6;
      required int32 must = 7;
      map<int64, Mode> modes = 8;
      repeated sint32 steps = 9 [packed = true];
    }
    """

  @Test func `groups, structs, masks and names in lowerCamelCase`() throws {
    let set = try Protobuf.descriptorSet(of: ["all.proto": Self.everything])
    let values: [JSONValue] = [
      ["deviceId": "sat-1", "place": ["altitudeKm": 400.5, "modes": ["BUSY", 0]]],
      ["notes": ["a": .null, "b": [1, "x", true, ["c": [:]]]], "anything": .null],
      ["anything": ["deep": [[], 2.5]], "listOf": [.null, 0, ""], "must": 3],
      ["mask": "deviceId,place.altitudeKm", "modes": ["-5": "BUSY"], "steps": [-1, 0, 64]],
      ["modes": ["5": 3]], ["Place": [:]],
    ]
    let verdicts = try verdicts([Case(set, "acme.All", values)])
    #expect(verdicts == ["same", "same", "same", "same", "refused", "refused"])
  }

  private func fault(_ value: JSONValue, plain: Bool = false) throws -> String {
    let set = try Protobuf.descriptorSet(of: ["all.proto": Self.everything])
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "set")
    let type = try #require(catalogue.type(named: "acme.All"))
    do throws(MessageFault) {
      return HexText.text(try JSONMessageEncoder(type, takesPlainText: plain).encode(value))
    } catch {
      let fault = error
      return "\(fault.path): \(fault.problem) (\(fault.suggestion ?? ""))"
    }
  }

  @Test func `faults name the place and what was meant`() throws {
    let unknown = try fault(["place": ["altitude_kn": 1]])
    #expect(
      unknown == "place.altitude_kn: acme.All.Place has no such field (did you mean altitude_km?)")
    let range = try fault(["steps": [1, 3_000_000_000]])
    #expect(range.hasPrefix("steps[1]: 3000000000 is out of range"))
    #expect(try fault(["place": ["modes": ["BUZY"]]]).hasSuffix("(did you mean BUSY?)"))
    #expect(try fault(["place": ["altitude_km": ".nan"]]).hasSuffix("(write NaN)"))
    #expect(try fault([1]).hasPrefix(": expected an object with the fields of acme.All"))
    let twice = try fault(["deviceId": "a", "device_id": "b"])
    #expect(twice == "device_id: is the same field as deviceId ()")
    #expect(try fault(["steps": 3]) == "steps: expected a list of sint32; found 3 ()")
  }

  @Test func `a plain scalar of YAML may stand for a text`() throws {
    #expect(try fault(["device_id": 2.5]) == "device_id: expected a text; found 2.5 ()")
    #expect(try fault(["device_id": 2.5], plain: true) == "0a03322e35")
    #expect(try fault(["device_id": true], plain: true) == "0a0474727565")
    // But not where it is a number: there a text must look like one in either.
    #expect(try fault(["must": "7"], plain: true) == "3807")
  }
}
