import Storage

/// The kernel's file system without its syncs: a year in minutes would be a year of waiting for the
/// disk. Everything else is as in production.
struct UnsyncedFileSystem: ForwardingFileSystem {
  let files = POSIXFileSystem()

  func sync(_ descriptor: Int32) throws(Errno) {}
}
