package org.apache.catalina.cluster.deploy;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** An undeploy message of 5.5.5. */
public final class UndeployMessage implements Serializable {
    private static final long serialVersionUID = 719884544328367936L;

    private String contextPath;
    private boolean undeploy;
    private String uniqueId;
    private long timestamp;
    private Member address;
}
