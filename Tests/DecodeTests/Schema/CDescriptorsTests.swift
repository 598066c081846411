import CProtobufC
import Testing

@testable import Decode

/// Messages that Google's Protobuf for Python made, unpacked by libprotobuf-c through descriptors
/// built at run time.
@Suite struct CDescriptorsTests {
  @Test(arguments: [11, 12, 13, 14, 15, 16, 17, 18] as [UInt64])
  func `libprotobuf-c reads by them what Python has written`(seed: UInt64) throws {
    print("C descriptors: seed \(seed)")
    let set = try Protobuf.descriptorSet(of: SchemaText.files(seed: seed))
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "seed \(seed)")
    let root = try #require(catalogue.type(named: SchemaText.root))
    let lines = try Protobuf.python(Self.script, set: set, [SchemaText.root, "\(seed)", "200"])
      .split(separator: "\n")
    try #require(lines.count == 200)
    let reader = StructReader(CDescriptors(root))
    var byteCount = 0
    for line in lines {
      let parts = line.split(separator: " ", omittingEmptySubsequences: false)
      let payload = Self.bytes(ofHex: parts[0])
      byteCount += payload.count
      let text = reader.text(of: payload)
      guard text == String(parts[1]) else {
        Issue.record("seed \(seed), \(parts[0]): \(text ?? "refused"), Python: \(parts[1])")
        return
      }
    }
    #expect(byteCount > 5000, "messages say something")
  }

  @Test func `a struct has no gaps, and members of a oneof share their place`() throws {
    var builder = DescriptorBuilder()
    builder.add(
      "M",
      [
        .init(name: "a", number: 1, type: .int32), .init(name: "b", number: 2, type: .double),
        .init(name: "c", number: 3, type: .bytes, oneof: "o"),
        .init(name: "d", number: 4, type: .bool, oneof: "o"),
        .init(name: "e", number: 5, type: .string, isRepeated: true),
        .init(name: "f", number: 6, type: .message, message: "M"),
      ])
    let type = try #require(builder.catalogue().type(named: "M"))
    let descriptors = CDescriptors(type)
    let places = type.fields.compactMap { descriptors.place(of: $0) }
    #expect(places[2] == places[3])
    // Header 24; oneof 8 + 16; double 8; list 8 + 8; message 8; then int32 and two has_.
    #expect(places.map(\.offset) == [80, 48, 32, 32, 64, 72])
    #expect(places.map(\.quantifierOffset) == [84, 88, 24, 24, 56, 0])
    let byteCount = unsafe descriptors.descriptor(of: type).pointee.sizeof_message
    #expect(byteCount == 96)
  }

  @Test func `numbers that follow each other are one range, as protoc-c has them`() throws {
    func ranges(_ type: MessageType) throws -> [[Int]] {
      let descriptors = CDescriptors(type)
      let descriptor = unsafe descriptors.descriptor(of: type).pointee
      return unsafe (0...Int(descriptor.n_field_ranges)).map { index in
        let range = unsafe descriptor.field_ranges[index]
        return [Int(range.start_value), Int(range.orig_index)]
      }
    }
    // `protoc-c --c_out` of telemetry.proto makes these tables: one range, and the end.
    let catalogue = MessageCatalogue.builtIn
    let wide = try #require(catalogue.type(named: "fleet.telemetry.v1.DeviceTelemetry"))
    let batch = try #require(catalogue.type(named: "fleet.telemetry.v1.TelemetryBatch"))
    #expect(try ranges(wide) == [[1, 0], [0, wide.fieldCount]])
    #expect(try ranges(batch) == [[1, 0], [0, batch.fieldCount]])
    var builder = DescriptorBuilder()
    let numbers: [UInt32] = [1, 2, 5, 7, 8, 9, 536_870_911]
    builder.add("M", numbers.map { .init(name: "f\($0)", number: $0, type: .int32) })
    let type = try #require(builder.catalogue().type(named: "M"))
    #expect(try ranges(type) == [[1, 0], [5, 2], [7, 3], [536_870_911, 6], [0, 7]])
  }

  private static func bytes(ofHex text: Substring) -> [UInt8] {
    let digits = Array(text.utf8)
    return stride(from: 0, to: digits.count, by: 2).map { index in
      UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) ?? 0
    }
  }

  /// Prints random messages of a type, each as it is on the wire and as what it says.
  private static let script = #"""
    import random, struct, sys
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[1], "rb").read()).file:
        pool.Add(file)
    root = pool.FindMessageTypeByName(sys.argv[2])
    rng = random.Random(int(sys.argv[3]))
    DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING, GROUP, MESSAGE, BYTES, \
        UINT32, ENUM, SFIXED32, SFIXED64, SINT32, SINT64 = range(1, 19)
    SIGNED = {INT64: 64, INT32: 32, SFIXED32: 32, SFIXED64: 64, SINT32: 32, SINT64: 64}
    UNSIGNED = {UINT64: 64, FIXED64: 64, FIXED32: 32, UINT32: 32}

    def scalar(field):
        kind = field.type
        if kind == DOUBLE:
            return rng.choice([1.5, -2.25, float("inf"), rng.uniform(-1e9, 1e9), 5e-324])
        if kind == FLOAT:
            return rng.choice([1.5, -2.25, float("-inf"), 0.0, 1e-40])
        if kind == BOOL:
            return rng.random() < 0.5
        if kind == STRING:
            return "".join(rng.choice("aZ9_é衛🛰") for _ in range(rng.randrange(12)))
        if kind == BYTES:
            return bytes(rng.randrange(256) for _ in range(rng.randrange(12)))
        if kind == ENUM:
            known = [value.number for value in field.enum_type.values]
            return rng.choice(known if field.enum_type.is_closed else known + [77, -1])
        if kind in SIGNED:
            top = 1 << SIGNED[kind] - 1
            return rng.choice([0, 1, -1, top - 1, -top, rng.randrange(-top, top)])
        top = 1 << UNSIGNED[kind]
        return rng.choice([0, 1, top - 1, rng.randrange(top)])

    def is_map(field):
        return (field.message_type is not None and field.is_repeated
                and field.message_type.GetOptions().map_entry)

    def fill(message, depth):
        for field in message.DESCRIPTOR.fields:
            nested = field.message_type is not None
            if is_map(field):
                key, value = field.message_type.fields
                for _ in range(rng.randrange(4) if depth < 3 else 0):
                    target = getattr(message, field.name)
                    if value.message_type is not None:
                        fill(target[scalar(key)], depth + 1)
                    else:
                        target[scalar(key)] = scalar(value)
            elif field.is_repeated:
                for _ in range(rng.randrange(4) if depth < 3 or not nested else 0):
                    if nested:
                        fill(getattr(message, field.name).add(), depth + 1)
                    else:
                        getattr(message, field.name).append(scalar(field))
            elif field.is_required or rng.random() < 0.6:
                if not nested:
                    setattr(message, field.name, scalar(field))
                elif depth < 3:
                    getattr(message, field.name).SetInParent()
                    fill(getattr(message, field.name), depth + 1)

    def word(field, value):
        if field.message_type is not None:
            return say(value)
        if field.type == DOUBLE:
            return struct.pack(">d", value).hex()
        if field.type == FLOAT:
            return struct.pack(">f", value).hex()
        if field.type == STRING:
            return "'" + value.encode().hex()
        if field.type == BYTES:
            return "'" + value.hex()
        return str(int(value))

    def say(message):
        parts = []
        for field, value in sorted(message.ListFields(), key=lambda pair: pair[0].number):
            if field.type == GROUP:
                continue
            if is_map(field):
                key, inner = field.message_type.fields
                entries = sorted(
                    word(key, k) + ":" + word(inner, value[k]) for k in value)
                parts.append("%d={%s}" % (field.number, ",".join(entries)))
            elif field.is_repeated:
                parts.append("%d=[%s]" % (
                    field.number, ",".join(word(field, element) for element in value)))
            else:
                parts.append("%d=%s" % (field.number, word(field, value)))
        return "(" + ";".join(parts) + ")"

    Message = message_factory.GetMessageClass(root)
    for _ in range(int(sys.argv[4])):
        message = Message()
        fill(message, 0)
        print(message.SerializeToString().hex(), say(message))
    """#
}

/// Reads the structs that libprotobuf-c has filled, and says what is in them as the script does.
private struct StructReader {
  let descriptors: CDescriptors

  init(_ descriptors: CDescriptors) { self.descriptors = descriptors }

  /// nil if libprotobuf-c refuses.
  func text(of payload: [UInt8]) -> String? {
    var payload = payload
    var findings = WireFindings()
    let table = ScanTable(descriptors.root)
    guard unsafe WireScanner.scan(payload.span.bytes, table: table, into: &findings) == nil else {
      return nil
    }
    if !findings.groups.isEmpty {
      var span = payload.mutableSpan
      var raw = unsafe span.mutableBytes
      GroupMask.apply(findings.groups, to: &raw)
    }
    let arena = Arena(byteCountMax: 64 << 20)
    return unsafe payload.withUnsafeBufferPointer { bytes in
      guard
        let message = unsafe protobuf_c_message_unpack(
          descriptors.descriptor(of: descriptors.root), arena.allocator, bytes.count,
          bytes.baseAddress)
      else { return nil }
      return unsafe text(of: UnsafeRawPointer(message), descriptors.root)
    }
  }

  @unsafe
  private func text(of message: UnsafeRawPointer, _ type: MessageType) -> String {
    var parts: [String] = []
    for field in type.fields {
      guard let place = descriptors.place(of: field) else { continue }
      let member = unsafe message + place.offset
      let quantifier = unsafe message + place.quantifierOffset
      if field.isRepeated {
        let count = unsafe quantifier.load(as: Int.self)
        guard count > 0 else { continue }
        let start = unsafe member.load(as: UnsafeRawPointer.self)
        parts.append("\(field.number)=\(unsafe list(field, start, count))")
      } else if unsafe isPresent(field, member, quantifier) {
        parts.append("\(field.number)=\(unsafe word(field, member))")
      }
    }
    return "(\(parts.joined(separator: ";")))"
  }

  @unsafe
  private func isPresent(
    _ field: MessageField, _ member: UnsafeRawPointer, _ quantifier: UnsafeRawPointer
  ) -> Bool {
    if field.oneof != nil { return unsafe quantifier.load(as: UInt32.self) == field.number }
    if field.presence == .required { return true }
    switch field.type {
    case .message: return unsafe member.load(as: UInt.self) != 0
    case .string where field.presence == .implicit, .bytes where field.presence == .implicit:
      return unsafe member.load(as: Int.self) > 0
    case _ where field.presence == .explicit: return unsafe quantifier.load(as: Int32.self) != 0
    case let type where type.wireType == 1 || type == .int64 || type == .uint64 || type == .sint64:
      return unsafe member.load(as: UInt64.self) != 0
    default: return unsafe member.load(as: UInt32.self) != 0
    }
  }

  @unsafe
  private func list(_ field: MessageField, _ start: UnsafeRawPointer, _ count: Int) -> String {
    let stride =
      switch field.type {
      case .bytes, .string: 16
      case .double, .fixed64, .sfixed64, .int64, .uint64, .sint64, .message: 8
      default: 4
      }
    guard field.isMap, let entry = field.messageType, let key = entry.field(numbered: 1),
      let value = entry.field(numbered: 2), let keyPlace = descriptors.place(of: key),
      let valuePlace = descriptors.place(of: value)
    else {
      let words = (0..<count).map { unsafe word(field, start + $0 * stride) }
      return "[\(words.joined(separator: ","))]"
    }
    var entries: [String: String] = [:]
    for index in 0..<count {
      let message = unsafe (start + index * 8).load(as: UnsafeRawPointer.self)
      let name = unsafe word(key, message + keyPlace.offset)
      // The last entry of a key counts.
      entries[name] = unsafe word(value, message + valuePlace.offset)
    }
    let words = entries.map { "\($0.key):\($0.value)" }
    return "{\(words.sorted().joined(separator: ","))}"
  }

  @unsafe
  private func word(_ field: MessageField, _ member: UnsafeRawPointer) -> String {
    switch field.type {
    case .double: return Self.hex(unsafe member.load(as: UInt64.self), digits: 16)
    case .float: return Self.hex(UInt64(unsafe member.load(as: UInt32.self)), digits: 8)
    case .int32, .sint32, .sfixed32, .enumeration: return "\(unsafe member.load(as: Int32.self))"
    case .int64, .sint64, .sfixed64: return "\(unsafe member.load(as: Int64.self))"
    case .uint32, .fixed32: return "\(unsafe member.load(as: UInt32.self))"
    case .uint64, .fixed64: return "\(unsafe member.load(as: UInt64.self))"
    case .bool: return unsafe member.load(as: Int32.self) == 0 ? "0" : "1"
    case .string, .bytes:
      let data = unsafe member.load(as: ProtobufCBinaryData.self)
      let bytes = unsafe UnsafeBufferPointer(start: data.data, count: data.len)
      return "'" + (unsafe bytes.map { Self.hex(UInt64($0), digits: 2) }).joined()
    case .message:
      guard let type = field.messageType, let inner = unsafe member.load(as: UnsafeRawPointer?.self)
      else { return "()" }
      return unsafe text(of: inner, type)
    case .group: return ""
    }
  }

  private static func hex(_ number: UInt64, digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
  }
}
