import TestSupport
@testable import Decode

/// Builds a small schema by hand, where a test wants a shape and not a compiler's work.
struct DescriptorBuilder {
  struct Field {
    var name: String
    var number: UInt32
    var type: FieldType
    var isRepeated = false
    /// Fields with the same name of a oneof are in one.
    var oneof: String?
    var isPacked = false
    /// The message type of a message field: its name in `messages`.
    var message: String?
  }

  private var messages: [(name: String, fields: [Field])] = []

  mutating func add(_ name: String, _ fields: [Field]) { messages.append((name, fields)) }

  func catalogue() -> MessageCatalogue {
    let indexes = Dictionary(uniqueKeysWithValues: messages.enumerated().map { ($1.name, $0) })
    let records = messages.map { name, fields in
      var oneofs: [String] = []
      for case let oneof? in fields.map(\.oneof) where !oneofs.contains(oneof) {
        oneofs.append(oneof)
      }
      let sorted = fields.sorted { $0.number < $1.number }.map { field in
        FieldRecord(
          name: field.name, number: field.number, type: field.type, isRepeated: field.isRepeated,
          isPacked: field.isPacked, presence: field.isRepeated ? .implicit : .explicit,
          oneof: field.oneof.flatMap { oneofs.firstIndex(of: $0) },
          typeIndex: field.message.flatMap { indexes[$0] })
      }
      return MessageRecord(name: name, fields: sorted, oneofs: oneofs)
    }
    return MessageCatalogue(SchemaPool(messages: records, enums: []))
  }
}

/// A message type with everything the built-in ones lack; `protoText` declares the same for Python.
enum Probe {
  static let protoText = """
    syntax = "proto2";
    package probe;
    message Place {
      optional double altitude_km = 1;
      optional sint32 orbit = 2;
      optional string site = 3;
      optional double gain = 4 [default = 1.5];
      repeated double heights = 5;
    }
    message Message {
      optional string id = 1;
      optional Place place = 2;
      optional int64 time_s = 3;
      repeated double history = 4;
      optional float temperature = 5;
      optional uint64 counter = 6;
      optional bool is_ok = 7;
      optional uint32 small = 8;
      optional sint64 delta = 9;
      optional sfixed32 fixed = 10;
      optional int32 plain = 11;
      optional sfixed64 wide = 12;
      optional fixed32 word = 13;
      repeated int32 codes = 14 [packed = true];
      optional bytes blob = 15;
      oneof payload {
        string note = 16;
        Place other = 17;
        double level = 300;
      }
      optional Message parent = 20;
    }
    """

  static let catalogue: MessageCatalogue = {
    var builder = DescriptorBuilder()
    builder.add(
      "probe.Place",
      [
        .init(name: "altitude_km", number: 1, type: .double),
        .init(name: "orbit", number: 2, type: .sint32),
        .init(name: "site", number: 3, type: .string),
        .init(name: "gain", number: 4, type: .double),
        .init(name: "heights", number: 5, type: .double, isRepeated: true),
      ])
    builder.add(
      "probe.Message",
      [
        .init(name: "id", number: 1, type: .string),
        .init(name: "place", number: 2, type: .message, message: "probe.Place"),
        .init(name: "time_s", number: 3, type: .int64),
        .init(name: "history", number: 4, type: .double, isRepeated: true),
        .init(name: "temperature", number: 5, type: .float),
        .init(name: "counter", number: 6, type: .uint64),
        .init(name: "is_ok", number: 7, type: .bool),
        .init(name: "small", number: 8, type: .uint32),
        .init(name: "delta", number: 9, type: .sint64),
        .init(name: "fixed", number: 10, type: .sfixed32),
        .init(name: "plain", number: 11, type: .int32),
        .init(name: "wide", number: 12, type: .sfixed64),
        .init(name: "word", number: 13, type: .fixed32),
        .init(
          name: "codes", number: 14, type: .int32, isRepeated: true, isPacked: true),
        .init(name: "blob", number: 15, type: .bytes),
        .init(name: "note", number: 16, type: .string, oneof: "payload"),
        .init(
          name: "other", number: 17, type: .message, oneof: "payload",
          message: "probe.Place"),
        .init(name: "level", number: 300, type: .double, oneof: "payload"),
        .init(name: "parent", number: 20, type: .message, message: "probe.Message"),
      ])
    return builder.catalogue()
  }()

  static let mapping = MessageMapping(
    source: "probes", messageName: "probe.Message", device: .field("id"),
    time: .init(field: "time_s", unit: .seconds), sequence: "delta",
    attributes: [.init(field: "place.site"), .init(field: "note"), .init(field: "other.site")],
    metrics: .all, plausibleFromMicros: Fixture.plausibleFromMicros)
}
