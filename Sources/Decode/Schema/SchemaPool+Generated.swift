import CProtobufC

extension SchemaPool {
  /// The schema of messages whose C code protoc-c generated: of `root` and of all inside it.
  ///
  /// Only for `descriptor.proto`, which cannot be read from a descriptor set before it is known.
  /// `root` is a C constant. What the C form does not keep is not there either: oneofs have no
  /// names of their own, enums no values.
  @unsafe
  convenience init(generated root: UnsafePointer<ProtobufCMessageDescriptor>) {
    var open = unsafe [root]
    var indexes: [UnsafePointer<ProtobufCMessageDescriptor>: Int] = unsafe [root: 0]
    var messages: [MessageRecord] = []
    while unsafe messages.count < open.count {
      let descriptor = unsafe open[messages.count]
      var record = unsafe MessageRecord(
        name: String(cString: descriptor.pointee.name), fields: [])
      for place in 0..<Int(unsafe descriptor.pointee.n_fields) {
        let raw = unsafe descriptor.pointee.fields + place
        var field = unsafe FieldRecord(raw.pointee)
        if field.type == .message, let nested = unsafe raw.pointee.descriptor {
          let nested = unsafe nested.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
          let index = unsafe indexes[nested] ?? open.count
          if unsafe index == open.count {
            unsafe indexes[nested] = index
            unsafe open.append(nested)
          }
          field.typeIndex = index
        }
        record.fields.append(field)
      }
      messages.append(record)
    }
    self.init(messages: messages, enums: [])
  }
}

extension FieldRecord {
  fileprivate init(_ raw: ProtobufCFieldDescriptor) {
    let type: FieldType =
      switch unsafe raw.type {
      case PROTOBUF_C_TYPE_STRING: .string
      case PROTOBUF_C_TYPE_BOOL: .bool
      case PROTOBUF_C_TYPE_INT32: .int32
      case PROTOBUF_C_TYPE_MESSAGE: .message
      default: preconditionFailure("our descriptor.proto has strings, int32, bools and messages")
      }
    let isRepeated = unsafe raw.label == PROTOBUF_C_LABEL_REPEATED
    unsafe self.init(
      name: String(cString: raw.name), number: raw.id, type: type, isRepeated: isRepeated,
      presence: isRepeated ? .implicit : .explicit)
  }
}
