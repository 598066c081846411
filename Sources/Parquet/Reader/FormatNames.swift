/// The words of parquet.thrift for its numbers; a number without one is written out.
enum FormatNames {
  private static func name(_ number: Int, _ names: [String]) -> String {
    names.indices.contains(number) && !names[number].isEmpty ? names[number] : "(\(number))"
  }

  static func physicalType(_ number: Int32) -> String {
    name(
      Int(number),
      [
        "BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY",
        "FIXED_LEN_BYTE_ARRAY",
      ])
  }

  static func repetition(_ number: Int32) -> String {
    name(Int(number), ["required", "optional", "repeated"])
  }

  static func encoding(_ number: Int32) -> String {
    name(
      Int(number),
      [
        "PLAIN", "", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED",
        "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT",
      ])
  }

  static func codec(_ number: Int32) -> String {
    name(
      Int(number),
      ["UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"])
  }

  /// By field of the union `LogicalType`.
  static func logicalType(_ field: Int) -> String {
    name(
      field,
      [
        "", "STRING", "MAP", "LIST", "ENUM", "DECIMAL", "DATE", "TIME", "TIMESTAMP", "", "INTEGER",
        "UNKNOWN", "JSON", "BSON", "UUID", "FLOAT16", "VARIANT", "GEOMETRY", "GEOGRAPHY",
      ])
  }

  static func convertedType(_ number: Int32) -> String {
    name(
      Int(number),
      [
        "UTF8", "MAP", "MAP_KEY_VALUE", "LIST", "ENUM", "DECIMAL", "DATE", "TIME_MILLIS",
        "TIME_MICROS", "TIMESTAMP_MILLIS", "TIMESTAMP_MICROS", "UINT_8", "UINT_16", "UINT_32",
        "UINT_64", "INT_8", "INT_16", "INT_32", "INT_64", "JSON", "BSON", "INTERVAL",
      ])
  }
}
