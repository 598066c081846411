import Base

extension DiskTree {
  /// Whether a loss of power now would leave the file under its name, with all its bytes.
  func isDurable(_ path: String) -> Bool {
    var inode = 0
    for component in path.split(separator: "/") {
      guard let next = inodes[inode].durableEntries[String(component)],
        inodes[inode].entries[String(component)] == next
      else { return false }
      inode = next
    }
    let file = inodes[inode]
    return !file.isFolder && file.durableByteCount == file.bytes.count && file.dropped.isEmpty
  }
}

extension SimulatedDisk {
  /// Whether a loss of power now would leave the file under its name, with all its bytes.
  func isDurable(_ path: String) -> Bool { state.update { $0.tree.isDurable(path) } }
}
