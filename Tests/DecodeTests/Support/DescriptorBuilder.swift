import CProtobufC

@testable import Decode

/// Builds libprotobuf-c descriptors at run time, as a descriptor set from a configuration will be:
/// the plan must not care where a descriptor comes from. Everything is allocated for good.
struct DescriptorBuilder {
  struct Field {
    var name: String
    var number: UInt32
    var type: ProtobufCType
    var label = PROTOBUF_C_LABEL_OPTIONAL
    /// Fields with the same name of a oneof share their memory.
    var oneof: String?
    var isPacked = false
    /// The message type of a message field: its name in `messages`.
    var message: String?
    /// For a double: proto2 `[default = …]`.
    var defaultDouble: Double?
  }

  private var messages: [(name: String, fields: [Field])] = []

  mutating func add(_ name: String, _ fields: [Field]) { messages.append((name, fields)) }

  /// All messages as types, by name.
  func build() -> [String: MessageType] {
    var descriptors: [String: UnsafeMutablePointer<ProtobufCMessageDescriptor>] =
      unsafe [:]
    for message in messages {
      unsafe descriptors[message.name] = .allocate(capacity: 1)
    }
    var types: [String: MessageType] = [:]
    for (name, fields) in messages {
      guard let descriptor = unsafe descriptors[name] else { continue }
      unsafe fill(descriptor, name, fields.sorted { $0.number < $1.number }, descriptors)
      types[name] = unsafe MessageType(immortal: UnsafePointer(descriptor))
    }
    return types
  }

  private func fill(
    _ descriptor: UnsafeMutablePointer<ProtobufCMessageDescriptor>, _ name: String,
    _ fields: [Field], _ all: [String: UnsafeMutablePointer<ProtobufCMessageDescriptor>]
  ) {
    // Every member gets 16 bytes (the largest, a bytes value) and its quantifier 8.
    var size = unsafe MemoryLayout<ProtobufCMessage>.stride
    var oneofs: [String: (caseOffset: Int, offset: Int)] = [:]
    let raw = UnsafeMutablePointer<ProtobufCFieldDescriptor>.allocate(capacity: fields.count)
    for (index, field) in fields.enumerated() {
      var place = (caseOffset: size, offset: size + 8)
      if let oneof = field.oneof, let shared = oneofs[oneof] {
        place = shared
      } else {
        size += 24
        if let oneof = field.oneof { oneofs[oneof] = place }
      }
      var entry = unsafe ProtobufCFieldDescriptor()
      unsafe entry.name = UnsafePointer(Self.cString(field.name))
      unsafe entry.id = field.number
      unsafe entry.label = field.label
      unsafe entry.type = field.type
      let isPointer =
        field.type == PROTOBUF_C_TYPE_STRING || field.type == PROTOBUF_C_TYPE_MESSAGE
      let hasQuantifier =
        field.label == PROTOBUF_C_LABEL_REPEATED || field.oneof != nil
        || (field.label == PROTOBUF_C_LABEL_OPTIONAL && !isPointer)
      unsafe entry.quantifier_offset = UInt32(hasQuantifier ? place.caseOffset : 0)
      unsafe entry.offset = UInt32(place.offset)
      if let message = field.message { unsafe entry.descriptor = UnsafeRawPointer(all[message]) }
      if field.oneof != nil { unsafe entry.flags |= UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) }
      if field.isPacked { unsafe entry.flags |= UInt32(PROTOBUF_C_FIELD_FLAG_PACKED.rawValue) }
      if let value = field.defaultDouble {
        let memory = UnsafeMutablePointer<Double>.allocate(capacity: 1)
        unsafe memory.initialize(to: value)
        unsafe entry.default_value = UnsafeRawPointer(memory)
      }
      unsafe (raw + index).initialize(to: entry)
    }
    let ranges = UnsafeMutablePointer<ProtobufCIntRange>.allocate(capacity: fields.count + 1)
    for (index, field) in fields.enumerated() {
      unsafe (ranges + index).initialize(
        to: ProtobufCIntRange(start_value: Int32(field.number), orig_index: UInt32(index)))
    }
    unsafe (ranges + fields.count).initialize(
      to: ProtobufCIntRange(start_value: 0, orig_index: UInt32(fields.count)))
    var message = unsafe ProtobufCMessageDescriptor()
    unsafe message.magic = UInt32(PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
    unsafe message.name = UnsafePointer(Self.cString(name))
    unsafe message.sizeof_message = size
    unsafe message.n_fields = UInt32(fields.count)
    unsafe message.fields = UnsafePointer(raw)
    unsafe message.n_field_ranges = UInt32(fields.count)
    unsafe message.field_ranges = UnsafePointer(ranges)
    unsafe descriptor.initialize(to: message)
  }

  private static func cString(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = text.utf8CString
    let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { unsafe memory[index] = byte }
    return unsafe memory
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

  private static let types: [String: MessageType] = {
    var builder = DescriptorBuilder()
    let repeated = PROTOBUF_C_LABEL_REPEATED
    builder.add(
      "probe.Place",
      [
        .init(name: "altitude_km", number: 1, type: PROTOBUF_C_TYPE_DOUBLE),
        .init(name: "orbit", number: 2, type: PROTOBUF_C_TYPE_SINT32),
        .init(name: "site", number: 3, type: PROTOBUF_C_TYPE_STRING),
        .init(name: "gain", number: 4, type: PROTOBUF_C_TYPE_DOUBLE, defaultDouble: 1.5),
        .init(name: "heights", number: 5, type: PROTOBUF_C_TYPE_DOUBLE, label: repeated),
      ])
    builder.add(
      "probe.Message",
      [
        .init(name: "id", number: 1, type: PROTOBUF_C_TYPE_STRING),
        .init(name: "place", number: 2, type: PROTOBUF_C_TYPE_MESSAGE, message: "probe.Place"),
        .init(name: "time_s", number: 3, type: PROTOBUF_C_TYPE_INT64),
        .init(name: "history", number: 4, type: PROTOBUF_C_TYPE_DOUBLE, label: repeated),
        .init(name: "temperature", number: 5, type: PROTOBUF_C_TYPE_FLOAT),
        .init(name: "counter", number: 6, type: PROTOBUF_C_TYPE_UINT64),
        .init(name: "is_ok", number: 7, type: PROTOBUF_C_TYPE_BOOL),
        .init(name: "small", number: 8, type: PROTOBUF_C_TYPE_UINT32),
        .init(name: "delta", number: 9, type: PROTOBUF_C_TYPE_SINT64),
        .init(name: "fixed", number: 10, type: PROTOBUF_C_TYPE_SFIXED32),
        .init(name: "plain", number: 11, type: PROTOBUF_C_TYPE_INT32),
        .init(name: "wide", number: 12, type: PROTOBUF_C_TYPE_SFIXED64),
        .init(name: "word", number: 13, type: PROTOBUF_C_TYPE_FIXED32),
        .init(
          name: "codes", number: 14, type: PROTOBUF_C_TYPE_INT32, label: repeated, isPacked: true),
        .init(name: "blob", number: 15, type: PROTOBUF_C_TYPE_BYTES),
        .init(name: "note", number: 16, type: PROTOBUF_C_TYPE_STRING, oneof: "payload"),
        .init(
          name: "other", number: 17, type: PROTOBUF_C_TYPE_MESSAGE, oneof: "payload",
          message: "probe.Place"),
        .init(name: "level", number: 300, type: PROTOBUF_C_TYPE_DOUBLE, oneof: "payload"),
        .init(name: "parent", number: 20, type: PROTOBUF_C_TYPE_MESSAGE, message: "probe.Message"),
      ])
    return builder.build()
  }()

  static let catalogue = MessageCatalogue(Array(types.values))

  static let mapping = MessageMapping(
    source: "probes", messageName: "probe.Message", device: .field("id"),
    time: .init(field: "time_s", unit: .seconds), sequence: "delta",
    attributes: [.init(field: "place.site"), .init(field: "note"), .init(field: "other.site")],
    metrics: .all, plausibleFromMicros: Fixture.plausibleFromMicros)
}
