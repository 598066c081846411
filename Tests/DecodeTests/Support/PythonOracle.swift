import Foundation

@testable import Decode

/// Google's Protobuf for Python as a second opinion: it reads the same bytes with the same mapping
/// and prints the line that `Fixture.line` must print.
struct PythonOracle {
  struct MissingPython: Error, CustomStringConvertible {
    let description = "no Python interpreter with protobuf: run make setup"
  }

  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// One line a message: "refused" where Python cannot parse it.
  static func lines(
    for messages: [[UInt8]], protoText: String, mapping: MessageMapping, metricNames: [String]
  ) throws -> [String] {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-oracle-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(protoText.utf8).write(to: folder.appendingPathComponent("schema.proto"))
    let protoc = try executable("protoc")
    try run(
      protoc, ["--proto_path=\(folder.path)", "--descriptor_set_out=\(folder.path)/set.binpb",
        "\(folder.path)/schema.proto"])
    var input = Data()
    for message in messages {
      input.append(
        contentsOf: (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (8 * $0)) })
      input.append(contentsOf: message)
    }
    try input.write(to: folder.appendingPathComponent("messages"))
    try Data(script.utf8).write(to: folder.appendingPathComponent("oracle.py"))
    let settings = try JSONSerialization.data(
      withJSONObject: json(mapping, metricNames: metricNames))
    try settings.write(to: folder.appendingPathComponent("mapping.json"))
    let output = try run(python(), ["\(folder.path)/oracle.py", folder.path])
    return output.split(separator: "\n").map(String.init)
  }

  /// The schema that the generated C was made from.
  static func builtInProtoText(filePath: String = #filePath) throws -> String {
    let file = "Sources/CTelemetryProto/telemetry.proto"
    guard let path = findUpwards(file, from: filePath) else {
      throw Failed(description: "\(file) is in no folder above \(filePath)")
    }
    return try String(contentsOfFile: path, encoding: .utf8)
  }

  /// The first folder's file at `relativePath`, from the source file at hand up to the root.
  private static func findUpwards(_ relativePath: String, from filePath: String) -> String? {
    var folder = URL(fileURLWithPath: filePath)
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let candidate = folder.appendingPathComponent(relativePath).path
      if FileManager.default.fileExists(atPath: candidate) { return candidate }
    }
    return nil
  }

  private static func json(_ mapping: MessageMapping, metricNames: [String]) -> [String: Any] {
    var json: [String: Any] = [
      "message": mapping.messageName, "time": mapping.time.field,
      "unit": mapping.time.unit.rawValue, "attributes": mapping.attributes.map(\.field),
      "metrics": metricNames, "plausible_from": mapping.plausibleFromMicros,
    ]
    if case .field(let field) = mapping.device { json["device"] = field }
    json["rows"] = mapping.rows
    json["sequence"] = mapping.sequence
    json["metric_name"] = mapping.narrowMetric?.nameField
    return json
  }

  private static func python(filePath: String = #filePath) throws -> String {
    if let path = ProcessInfo.processInfo.environment["DOWNLINK_PYTHON"] { return path }
    if let path = findUpwards(".venv/bin/python", from: filePath) { return path }
    throw MissingPython()
  }

  private static func executable(_ name: String) throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in path.split(separator: ":") {
      let candidate = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    throw Failed(description: "\(name) is not on the PATH: run make setup")
  }

  @discardableResult
  private static func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failed(description: "\(program) ended with status \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }

  private static let script = #"""
    import json, math, struct, sys
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    folder = sys.argv[1]
    mapping = json.load(open(folder + "/mapping.json"))
    files = descriptor_pb2.FileDescriptorSet.FromString(open(folder + "/set.binpb", "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    Message = message_factory.GetMessageClass(pool.FindMessageTypeByName(mapping["message"]))
    narrow = "metric_name" in mapping
    rows_path = mapping.get("rows")
    MAX = 2**63 - 1

    def find(message, path):
        """The field's value and descriptor; None where it, or a message around it, is absent."""
        names = path.split(".")
        for index, name in enumerate(names):
            if not message.HasField(name):
                return None, None
            field = message.DESCRIPTOR.fields_by_name[name]
            message = getattr(message, name)
        return message, field

    WIRE = {1: 1, 2: 5, 3: 0, 4: 0, 5: 0, 6: 1, 7: 5, 8: 0, 9: 2, 11: 2, 12: 2, 13: 0, 14: 0,
            15: 5, 16: 1, 17: 0, 18: 0}  # by FieldDescriptor.TYPE_*

    def varint(data, position):
        value = shift = 0
        while True:
            byte = data[position]
            value |= (byte & 127) << shift
            position, shift = position + 1, shift + 7
            if byte < 128:
                return value, position

    def has_oneof(descriptor, seen=()):
        if descriptor.full_name in seen:
            return False
        seen = seen + (descriptor.full_name,)
        return bool(descriptor.oneofs) or any(
            field.message_type is not None and has_oneof(field.message_type, seen)
            for field in descriptor.fields)

    def wire_fault(data, descriptor, position=0, end_tag=None):
        """The first declared field with another wire type, or message that libprotobuf-c cannot
        merge, also where a oneof drops it again. For a group (end_tag) returns the position behind
        it instead. The structure is sound."""
        fault, seen = None, set()
        while position < len(data):
            tag, position = varint(data, position)
            number, wire = tag >> 3, tag & 7
            if tag == end_tag:
                return position
            field = descriptor.fields_by_number.get(number) if descriptor else None
            if field is not None:
                packed = field.is_repeated and WIRE[field.type] != 2 and wire == 2
                if wire != WIRE[field.type] and not packed:
                    fault = fault or "wrong_type"
                elif field.message_type is not None and not field.is_repeated:
                    if field.containing_oneof or has_oneof(field.message_type):
                        if number in seen:
                            fault = fault or "unpack_refused"
                        seen.add(number)
            if wire == 0:
                _, position = varint(data, position)
            elif wire == 1:
                position += 8
            elif wire == 5:
                position += 4
            elif wire == 3:
                position = wire_fault(data, None, position, number << 3 | 4)
            else:
                count, position = varint(data, position)
                if field is not None and field.message_type is not None:
                    inner = data[position:position + count]
                    fault = fault or wire_fault(inner, field.message_type)
                position += count
        return fault

    def text_fault(value, limit):
        raw = value if isinstance(value, bytes) else value.encode("utf-8")
        if len(raw) > limit:
            return "string_too_long"
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return "invalid_utf8"
        return "nul_in_string" if b"\0" in raw else None

    def raw(value):
        return (value if isinstance(value, bytes) else value.encode("utf-8")).hex()

    def micros(value):
        """Microseconds and flags, saturated."""
        exact = {"s": value * 1000000, "ms": value * 1000, "us": value, "ns": value // 1000}
        time = exact[mapping["unit"]]
        if time > MAX:
            return MAX, 4
        if time < -MAX - 1:
            return -MAX - 1, 2
        return time, (2 if time < mapping["plausible_from"] else 0)

    def metrics(message, paths):
        words, flags = [], 0
        for path in paths:
            value, field = find(message, path)
            if value is None:
                words.append("-")
            elif isinstance(value, float):
                if math.isnan(value) or math.isinf(value):
                    flags |= 1
                bits = struct.unpack("<Q", struct.pack("<d", value))[0]
                words.append("nan" if math.isnan(value) else "%016x" % bits)
            elif int(value) > MAX:
                flags |= 8
                words.append("-")
            else:
                words.append(str(int(value)))
        return words, flags

    def line(payload):
        message = Message()
        try:
            message.ParseFromString(payload)
        except Exception:
            return "refused"
        fault = wire_fault(payload, Message.DESCRIPTOR)
        if fault:
            return "dead " + fault
        words = []
        for path in [mapping["device"]] + mapping["attributes"]:
            value, _ = find(message, path)
            fault = None if value is None else text_fault(value, 1024)
            if fault:
                return "dead " + fault
            words.append("-" if value is None else raw(value))
        if words[0] in ("-", ""):
            return "dead no_device"
        words = ["device=" + words[0]] + ["attribute=" + word for word in words[1:]]
        record_flags = 0
        sequence, _ = find(message, mapping["sequence"])
        if sequence is not None and (sequence > MAX or sequence == -MAX - 1):
            sequence, record_flags = None, 8
        words.append("sequence=%s" % ("-" if sequence is None else sequence))
        if rows_path is None:
            time, _ = find(message, mapping["time"])
            if not time:
                return "dead no_time"
            values, flags = metrics(message, mapping["metrics"])
            time, time_flags = micros(time)
            flags |= time_flags | record_flags
            return " ".join(
                ["read"] + words + ["row=0", "time=%d" % time, "flags=%d" % flags] + values)
        own = lambda path: path[len(rows_path) + 1:]
        rows, faults, first = [], [], None
        for index, row in enumerate(getattr(message, rows_path)):
            fault = None
            name, _ = find(row, own(mapping["metric_name"]))
            if not name:
                fault = "no_metric_name"
            else:
                fault = text_fault(name, 512)
            time, _ = find(row, own(mapping["time"]))
            if fault is None and not time:
                fault = "no_time"
            if fault:
                first = first or fault
                faults.append("fault %d %s" % (index, fault))
                continue
            values, flags = metrics(row, ["value"])
            time, time_flags = micros(time)
            flags |= time_flags | record_flags
            rows += ["row=%d" % index, "time=%d" % time, "flags=%d" % flags,
                     "metric=" + raw(name)] + values
        if rows:
            return " ".join(["read"] + words + rows + faults)
        return "dead " + first if first else " ".join(["empty"] + words)

    data = open(folder + "/messages", "rb").read()
    position = 0
    while position < len(data):
        (count,) = struct.unpack_from("<I", data, position)
        position += 4
        print(line(data[position:position + count]))
        position += count
    """#
}
