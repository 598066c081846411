/// A file system in front of another: every call is passed on, but those that a type answers
/// itself. A call that `FileSystem` gains is to be passed on here.
package protocol ForwardingFileSystem: FileSystem {
  associatedtype Files: FileSystem

  /// Who is asked.
  var files: Files { get }
}

// What each does is said where `FileSystem` declares it.
package extension ForwardingFileSystem {
  var processNumber: Int32 { files.processNumber }

  func open(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try files.open(path, in: folder)
  }

  func create(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try files.create(path, in: folder)
  }

  func openFolder(_ path: String, in folder: Int32) throws(Errno) -> Int32 {
    try files.openFolder(path, in: folder)
  }

  func close(_ descriptor: Int32) throws(Errno) { try files.close(descriptor) }

  func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
    try files.write(bytes, to: descriptor)
  }

  func readAll(_ descriptor: Int32, sizeHint: Int) throws(Errno) -> [UInt8] {
    try files.readAll(descriptor, sizeHint: sizeHint)
  }

  func read(
    _ descriptor: Int32, from filePosition: Int64, byteCount: Int
  ) throws(Errno) -> [UInt8] {
    try files.read(descriptor, from: filePosition, byteCount: byteCount)
  }

  func sync(_ descriptor: Int32) throws(Errno) { try files.sync(descriptor) }

  func makeFolder(_ path: String, in folder: Int32) throws(Errno) {
    try files.makeFolder(path, in: folder)
  }

  func link(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    try files.link(path, as: newPath, in: folder)
  }

  func rename(_ path: String, as newPath: String, in folder: Int32) throws(Errno) {
    try files.rename(path, as: newPath, in: folder)
  }

  func unlink(_ path: String, in folder: Int32) throws(Errno) {
    try files.unlink(path, in: folder)
  }

  func removeFolder(_ path: String, in folder: Int32) throws(Errno) {
    try files.removeFolder(path, in: folder)
  }

  func status(_ path: String, in folder: Int32) throws(Errno) -> FileStatus {
    try files.status(path, in: folder)
  }

  func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
    try files.status(descriptor)
  }

  func wallClockSeconds() throws(Errno) -> Int64 { try files.wallClockSeconds() }

  func freeByteCount(_ descriptor: Int32) throws(Errno) -> Int64 {
    try files.freeByteCount(descriptor)
  }

  func names(in path: String, of folder: Int32) throws(Errno) -> [String] {
    try files.names(in: path, of: folder)
  }
}
