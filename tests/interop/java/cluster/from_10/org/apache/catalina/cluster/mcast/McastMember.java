package org.apache.catalina.cluster.mcast;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A member since 5.5.10. */
public final class McastMember implements Member, Serializable {
    private static final long serialVersionUID = 3800046064851304238L;

    private String host;
    private int port;
    private String name;
    private String domain;
    private int msgCount;
    private long memberAliveTime;
}
