package org.apache.catalina.cluster.mcast;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A member of 5.5.5: names and types of the fields alone. */
public final class McastMember implements Member, Serializable {
    private static final long serialVersionUID = 1810110341747895778L;

    private String host;
    private int port;
    private String name;
    private int msgCount;
    private long memberAliveTime;
}
