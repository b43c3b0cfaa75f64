package org.apache.catalina.cluster;

/** The type of the field that names the sender; what it can do does not matter here. */
public interface Member {
}
