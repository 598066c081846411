import Base
import Glibc

/// The folder of one demonstration. It stays, for queries.
struct DemoFolder: Sendable {
  /// Absolute.
  let path: String

  var configuration: String { path + "/downlinkd.yaml" }
  var root: String { path + "/data" }
  var log: String { path + "/pipeline.log" }

  /// Makes the folder: the one that was asked for, which must be new or empty, or one in the
  /// folder for temporary files.
  init(_ wanted: String?) throws(DemoFault) {
    guard let wanted else {
      let base = Environment.variables["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
      var template = Array("\(base)/downlink-demo-XXXXXX".utf8CString)
      guard unsafe mkdtemp(&template) != nil else {
        throw DemoFault("cannot make a folder in \(base): \(SystemFault.last)")
      }
      path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return
    }
    if unsafe mkdir(wanted, 0o755) != 0 {
      guard errno == EEXIST else {
        throw DemoFault("cannot make the folder \(wanted): \(SystemFault.last)")
      }
      guard Self.isEmpty(wanted) else {
        throw DemoFault("\(wanted) is no empty folder: every demonstration needs a fresh one")
      }
    }
    guard let resolved = unsafe realpath(wanted, nil) else {
      throw DemoFault("cannot find the folder \(wanted): \(SystemFault.last)")
    }
    defer { unsafe free(resolved) }
    path = unsafe String(cString: resolved)
  }

  private static func isEmpty(_ path: String) -> Bool {
    guard let folder = unsafe opendir(path) else { return false }
    defer { unsafe closedir(folder) }
    var count = 0
    // Each folder lists itself and the one above it.
    while unsafe readdir(folder) != nil { count += 1 }
    return count <= 2
  }

  /// Writes a small file of the folder.
  func write(_ text: String, to path: String) throws(DemoFault) {
    if let fault = PortFile.write(text, to: path) { throw DemoFault(fault) }
  }
}

/// A TCP port of the loopback interface that nobody uses at the moment.
enum LoopbackPort {
  static func unused() throws(DemoFault) -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw DemoFault("cannot open a socket: \(SystemFault.last)") }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isNamed = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe bind(descriptor, pointer, length) == 0
          && getsockname(descriptor, pointer, &length) == 0
      }
    }
    guard isNamed else { throw DemoFault("there is no port for HTTP: \(SystemFault.last)") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
