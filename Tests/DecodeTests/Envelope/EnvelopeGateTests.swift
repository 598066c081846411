import Synchronization
import Testing

@testable import Decode

/// A directory that says what it is told to.
final class ScriptedDirectory: SchemaDirectory {
  private let state = Mutex(State())

  private struct State {
    var answers: [Int32: SchemaAnswer] = [:]
    var asked: [Int32] = []
  }

  init(_ answers: [Int32: SchemaAnswer] = [:]) { state.withLock { $0.answers = answers } }

  var asked: [Int32] { state.withLock { $0.asked } }

  func say(_ answer: SchemaAnswer?, of id: Int32) { state.withLock { $0.answers[id] = answer } }

  func answer(for id: Int32) -> SchemaAnswer? {
    state.withLock { state in
      state.asked.append(id)
      return state.answers[id]
    }
  }

  var account: SchemaAccount { SchemaAccount(place: "") }
}

/// A gate that takes arrays.
private final class ArrayGate {
  private var gate: EnvelopeGate

  init(_ gate: EnvelopeGate) { self.gate = gate }

  func judge(_ bytes: [UInt8], believesNotFound: Bool = true) -> EnvelopeGate.Verdict {
    unsafe gate.judge(bytes.span.bytes, believesNotFound: believesNotFound)
  }

  func prepare(_ bytes: [UInt8]) { unsafe gate.prepare(bytes.span.bytes) }
}

@Suite struct EnvelopeGateTests {
  private static let orbit = SchemaOutline(
    package: "acme", messages: [.init(name: "Status"), .init(name: "Orbit")])

  private func gate(
    _ directory: ScriptedDirectory?, _ name: String = "acme.Orbit",
    _ envelope: Envelope = .confluent
  ) -> ArrayGate {
    ArrayGate(EnvelopeGate(envelope: envelope, messageName: name, directory: directory))
  }

  private func value(_ id: UInt8, _ indexes: [UInt8] = [2, 2], _ message: Int = 20) -> [UInt8] {
    [0, 0, 0, 0, id] + indexes + [UInt8](repeating: 0xEE, count: message)
  }

  private func reason(_ verdict: EnvelopeGate.Verdict) -> DeadReason? {
    if case .dead(let reason, let detail) = verdict, !detail.isEmpty { reason } else { nil }
  }

  @Test func `without an envelope a value is its message`() {
    let gate = gate(nil, "a", .none)
    #expect(gate.judge([]) == .open(messageStart: 0))
    #expect(gate.judge([7, 8]) == .open(messageStart: 0))
  }

  @Test func `without a registry only the form counts`() {
    let gate = gate(nil)
    #expect(gate.judge(value(9)) == .open(messageStart: 7))
    #expect(gate.judge(value(9, [0])) == .open(messageStart: 6))
    #expect(reason(gate.judge([1, 2])) == .notEnveloped)
    #expect(reason(gate.judge([0, 0])) == .badEnvelope)
  }

  @Test func `a schema is waited for, then asked for once`() {
    let directory = ScriptedDirectory()
    let gate = gate(directory)
    #expect(gate.judge(value(9)) == .waiting(schemaID: 9))
    directory.say(.protobuf(Self.orbit), of: 9)
    for _ in 0..<5 { #expect(gate.judge(value(9)) == .open(messageStart: 7)) }
    #expect(directory.asked == [9, 9])
  }

  @Test func `another message of a known schema is another header`() {
    let directory = ScriptedDirectory([9: .protobuf(Self.orbit)])
    let gate = gate(directory)
    #expect(gate.judge(value(9)) == .open(messageStart: 7))
    #expect(reason(gate.judge(value(9, [0]))) == .otherType)
    #expect(reason(gate.judge(value(9, [2, 4]))) == .otherType)
    #expect(gate.judge(value(9)) == .open(messageStart: 7))
  }

  @Test func `short values and long headers are judged alike`() {
    let deep = SchemaOutline(
      package: "",
      messages: [
        .init(name: "A", nested: [.init(name: "B", nested: [.init(name: "C")])])
      ])
    let directory = ScriptedDirectory([9: .protobuf(Self.orbit), 8: .protobuf(deep)])
    let gate = gate(directory)
    for _ in 0..<2 {
      #expect(gate.judge(value(9, [2, 2], 0)) == .open(messageStart: 7))
    }
    let other = self.gate(directory, "A.B.C")
    for _ in 0..<2 {
      #expect(other.judge(value(8, [6, 0, 0, 0])) == .open(messageStart: 9))
    }
    // A path in more bytes than it needs, so that it takes eight with all.
    #expect(gate.judge(value(9, [2, 0x82, 0], 5)) == .open(messageStart: 8))
    #expect(gate.judge(value(9, [2, 0x82, 0], 0)) == .open(messageStart: 8))
  }

  @Test func `what a registry does not have is unknown, and may come to be known`() {
    let directory = ScriptedDirectory([9: .notFound])
    let gate = gate(directory)
    #expect(reason(gate.judge(value(9))) == .unknownSchema)
    #expect(
      gate.judge(value(9), believesNotFound: false) == .waiting(schemaID: 9))
    directory.say(.protobuf(Self.orbit), of: 9)
    #expect(gate.judge(value(9)) == .open(messageStart: 7))
  }

  @Test func `schemas of other kinds are other types`() {
    let gate = gate(ScriptedDirectory([9: .otherKind("AVRO"), 8: .unreadable("line 1")]))
    #expect(reason(gate.judge(value(9))) == .otherType)
    #expect(reason(gate.judge(value(8))) == .unknownSchema)
  }

  @Test func `more schemas than are remembered are still judged right`() {
    let ids = 1...40
    let directory = ScriptedDirectory(
      Dictionary(uniqueKeysWithValues: ids.map { (Int32($0), .protobuf(Self.orbit)) }))
    let gate = gate(directory)
    for _ in 0..<3 {
      for id in ids {
        #expect(gate.judge(value(UInt8(id))) == .open(messageStart: 7))
      }
    }
    #expect(directory.asked.count > ids.count)
  }

  /// As the ProtobufSerializer of confluent-kafka for Python 2.16.1 wrote them, for a file in which
  /// a map field stands before the nested type.
  @Test(arguments: [
    ("acme.Status", [0, 0, 0, 0, 1, 0, 0x0A, 0x01, 0x61], 6),
    ("acme.Orbit", [0, 0, 0, 0, 1, 2, 2, 9, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F], 7),
    ("acme.Orbit.Detail", [0, 0, 0, 0, 1, 4, 2, 2, 0x0A, 0x01, 0x62], 8),
    ("acme.Orbit.Detail.Deep", [0, 0, 0, 0, 1, 6, 2, 2, 0, 8, 1], 9),
  ] as [(String, [UInt8], Int)])
  func `what Confluent's own serializer writes is opened`(
    name: String, bytes: [UInt8], start: Int
  ) throws {
    let outline = try SchemaOutline(
      text: """
        syntax = "proto3"; package acme;
        message Status { string text = 1; }
        message Orbit {
          map<string, double> more = 3;
          message Detail { string note = 1; message Deep { int32 x = 1; } }
          double altitude_km = 1;
          Detail detail = 4;
        }
        """)
    let directory = ScriptedDirectory([1: .protobuf(outline)])
    for other in ["acme.Status", "acme.Orbit", "acme.Orbit.Detail", "acme.Orbit.Detail.Deep"] {
      let verdict = gate(directory, other).judge(bytes)
      if other == name {
        #expect(verdict == .open(messageStart: start))
      } else {
        #expect(reason(verdict) == .otherType)
      }
    }
  }

  @Test func `preparing asks ahead and judges nothing`() {
    let directory = ScriptedDirectory()
    let gate = gate(directory)
    gate.prepare(value(3))
    gate.prepare([0, 0])
    #expect(directory.asked == [3])
  }

  @Test func `what a registry says is shortened and cannot move a cursor`() {
    let nasty = "\u{1B}[2J\n" + String(repeating: "x", count: 1 << 20)
    let outline = SchemaOutline(package: "", messages: [.init(name: nasty)])
    let answers: [SchemaAnswer] = [.unreadable(nasty), .otherKind(nasty), .protobuf(outline)]
    for answer in answers {
      guard case .dead(_, let detail) = gate(ScriptedDirectory([7: answer])).judge(value(7, [0]))
      else {
        Issue.record("nothing of it is right")
        continue
      }
      #expect(detail.unicodeScalars.count < 250 && detail.contains("?[2J?xxx"), "\(detail)")
      #expect(detail.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }
  }
}
